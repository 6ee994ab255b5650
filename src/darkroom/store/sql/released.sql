-- A row if the current release of any deployment runs a version.
select 1
  from releases r
  join deployments d on d.id = r.deployment_id and d.number = r.number
 where r.version = :version
 limit 1
