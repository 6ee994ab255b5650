-- How many attempts each worker of each pool holds; a worker runs what it was told to stop, too.
select predictions.pool, attempts.worker, count(*)
  from attempts join predictions on predictions.id = attempts.prediction_id
 where attempts.ended_at is null
 group by predictions.pool, attempts.worker
