-- Delete a version for good; returns nothing.
insert into deleted_versions(id, model, deleted_at) values (:id, :model, /*NOW*/)
on conflict (id) do nothing
