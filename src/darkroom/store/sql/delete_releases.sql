-- Forget all releases of a deployment.
delete from releases
 where deployment_id = (select id from deployments where owner = :owner and name = :name)
