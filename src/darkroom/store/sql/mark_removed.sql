-- Note that a prediction's data is gone; returns its id, or no row if it was gone before, or the
-- prediction has not ended, or has an open attempt.
update predictions
   set data_removed_at = /*NOW*/, input_files = '[]'
 where id = :id and completed_at is not null and data_removed_at is null
   and not exists (select 1
                     from attempts
                    where attempts.prediction_id = predictions.id and attempts.ended_at is null)
returning id
