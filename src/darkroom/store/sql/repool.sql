-- Let what waits for a version wait in the pool where it runs now; returns each id that was moved.
update predictions set pool = :pool
 where claimed = 0 and completed_at is null and version = :version and pool <> :pool
returning id
