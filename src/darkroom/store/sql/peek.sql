-- What waits for a version, first in turn first: id, priority and fair key.
select id, priority, fair_key
  from predictions
 where claimed = 0 and completed_at is null and version = :version
 order by priority desc, fair_key, id
 limit :most /*LOCK*/
