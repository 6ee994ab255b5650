-- Ids of the oldest predictions that wait for a version.
select id from predictions
 where claimed = 0 and completed_at is null and version = :version
 order by id
 limit :most /*LOCK*/
