-- Keep one try of a delivery for its log, without the answer if the prediction's data was removed
-- meanwhile; returns nothing.
insert into delivery_tries(prediction_id, n, try, at, status, seconds, error, answer)
select :id, :n, coalesce(max(try), 0) + 1, :at, :status, :seconds, :error,
       case when not exists (select 1
                               from predictions
                              where id = :id and data_removed_at is not null)
            then cast(:answer as text) end
  from delivery_tries
 where prediction_id = :id and n = :n
