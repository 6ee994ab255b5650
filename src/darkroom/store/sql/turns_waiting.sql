-- What waits, by version, priority and owner: how many that were accepted here and never ran, the first
-- and the last fair key, and the lowest and highest gate.
select version, priority, owner,
       sum(case when attempt = 0 and server = /*SERVER*/ then 1 else 0 end),
       min(fair_key), max(fair_key), min(gate), max(gate)
  from predictions
 where claimed = 0 and completed_at is null and gate < 2
 group by version, priority, owner
union all
select version, priority, owner,
       sum(case when attempt = 0 and server = /*SERVER*/ then 1 else 0 end),
       min(fair_key), max(fair_key), 2, 2
  from predictions
 where claimed = 0 and completed_at is null and gate > 0 and gate = 2
 group by version, priority, owner
