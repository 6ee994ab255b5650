-- Let what waits for a version wait in the pool where it runs now; returns each id that was moved.
update predictions set pool = :pool
 where id in (select id
                from predictions
               where claimed = 0 and completed_at is null and gate < 2
                 and version = :version and pool <> :pool
              union all
              select id
                from predictions
               where claimed = 0 and completed_at is null and gate > 0 and gate = 2
                 and version = :version and pool <> :pool)
returning id
