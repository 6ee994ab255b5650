-- One row if a gated prediction of this owner and version may be claimed before a new one.
select 1
  from predictions
 where owner = :owner and claimed = 0 and version = :version and completed_at is null
   and gate > 0 and gate = 1 and priority >= :priority
 limit 1
