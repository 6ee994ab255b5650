-- Attempts of a server that have not ended.
select prediction_id, attempt, worker, incarnation, remote, server
  from attempts
 where ended_at is null and server = :server
