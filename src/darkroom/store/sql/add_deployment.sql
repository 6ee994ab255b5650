-- Add a deployment; no row if its owner has one of that name, or :most of them.
insert into deployments(id, owner, name, number)
select :id, :owner, :name, :number
 where (select count(*) from deployments where owner = :owner) < :most
on conflict do nothing
returning id
