-- What waits, by version, priority and owner: how many that never ran, the first and last fair key.
select version, priority, owner, sum(case when attempt = 0 then 1 else 0 end),
       min(fair_key), max(fair_key), min(gate)
  from predictions
 where claimed = 0 and completed_at is null and gate < 2
 group by version, priority, owner
union all
select version, priority, owner, sum(case when attempt = 0 then 1 else 0 end),
       min(fair_key), max(fair_key), min(gate)
  from predictions
 where claimed = 0 and completed_at is null and gate > 0 and gate = 2
 group by version, priority, owner
