-- What waits for a version and may be claimed, first in turn first; owners that are :listed are passed by.
select id, version, priority, fair_key, owner, gate,
       case when server = /*SERVER*/ then 1 else 0 end
  from predictions
 where claimed = 0 and completed_at is null and gate < 2 and version = :version
   and (gate = 0 or owner not in (/*LISTED*/))
 order by priority desc, fair_key, id
 limit :most
