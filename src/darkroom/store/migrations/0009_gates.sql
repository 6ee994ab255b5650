-- Running limits of owners: what stands in line behind others of its owner is out of the claim's way.

-- 0: its owner may run any number. 1: it counts against its owner's running limit. 2: so it does,
-- and it stays behind an earlier one of the same owner and version until that one is claimed.
alter table predictions add column gate integer not null default 0 check (gate in (0, 1, 2));
drop index predictions_ready;
create index predictions_ready on predictions(version, priority desc, fair_key, id, pool)
  where claimed = 0 and completed_at is null and gate < 2;
create index predictions_gated
  on predictions(owner, claimed, version, gate, priority desc, fair_key, id)
  where completed_at is null and gate > 0;
