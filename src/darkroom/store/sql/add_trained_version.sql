-- Add the version that a training has made; returns nothing.
insert into trained_versions(id, model, training_id, version, created_at)
values (:id, :model, :training_id, :version, :created_at)
on conflict do nothing
