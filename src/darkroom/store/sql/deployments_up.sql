-- A page of one owner's deployments above :edge, upwards.
select d.id, d.owner, d.name, r.number, r.model, r.version, r.hardware,
       r.min_instances, r.max_instances, r.created_at
  from deployments d
  join releases r on r.deployment_id = d.id and r.number = d.number
 where d.owner = :owner and d.id > :edge
 order by d.id
 limit :size
