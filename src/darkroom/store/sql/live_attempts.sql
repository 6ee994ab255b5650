-- Every attempt of this server that has not ended.
select prediction_id, attempt, worker, incarnation, remote, server
  from attempts
 where ended_at is null and server = /*SERVER*/
