-- Predictions that ended more than :keep_ms ago, still have data, and have no open attempt; those
-- behind one that ended at :past_at with the id :past.
select completed_at, id
  from predictions
 where completed_at is not null and data_removed_at is null
   and completed_at <= /*NOW*/ - :keep_ms
   and (completed_at, id) > (:past_at, :past)
   and not exists (select 1
                     from attempts
                    where attempts.prediction_id = predictions.id and attempts.ended_at is null)
 order by completed_at, id
 limit :most
