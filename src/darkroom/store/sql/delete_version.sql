-- Delete a version for good; returns its id, or no row if the current release of a deployment runs it.
insert into deleted_versions(id, model, deleted_at)
select :id, :model, /*NOW*/
 where not exists (select 1
                     from releases as r
                     join deployments as d on d.id = r.deployment_id and d.number = r.number
                    where r.version = :id)
on conflict (id) do update set deleted_at = deleted_versions.deleted_at
returning id
