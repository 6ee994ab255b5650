-- Delete a model that has no version left and that no training makes one of; returns its owner.
delete from models
 where owner = :owner and name = :name
   and not exists (select 1
                     from trained_versions
                    where model = :path and id not in (select id from deleted_versions))
   and not exists (select 1
                     from predictions
                    where owner = :owner and destination = :path and completed_at is null)
returning owner
