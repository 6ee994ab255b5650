-- Keep one try of a delivery for its log; returns nothing.
insert into delivery_tries(prediction_id, n, try, at, status, seconds, error, answer)
select :id, :n, coalesce(max(try), 0) + 1, :at, :status, :seconds, :error, :answer
  from delivery_tries
 where prediction_id = :id and n = :n
