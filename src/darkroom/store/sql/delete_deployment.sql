-- Forget a deployment that has no release any more; no row if there is none.
delete from deployments where owner = :owner and name = :name
returning id
