-- Make way for the release after :number; no row if another one is current, or the deployment gone.
update deployments set number = :number + 1 where id = :id and number = :number
returning number
