-- Add a release of a deployment; returns the time the clock gave.
insert into releases(
  deployment_id, number, model, version, hardware, min_instances, max_instances, created_at)
values (
  :id, :number, :model, :version, :hardware, :min_instances, :max_instances, /*NOW*/)
returning created_at
