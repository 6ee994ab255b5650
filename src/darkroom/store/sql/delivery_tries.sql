-- All tries of the deliveries of a prediction, in order.
select n, at, status, seconds, error, answer
  from delivery_tries
 where prediction_id = :id
 order by n, try
