-- Add a deployment; no row if its owner has one of that name.
insert into deployments(id, owner, name, number)
values (:id, :owner, :name, :number)
on conflict do nothing
returning id
