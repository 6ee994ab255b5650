-- How often each owner has run each version of each model, trainings left out; read once, at start.
select model, version, owner, count(*)
  from predictions
 where destination is null
 group by model, version, owner
