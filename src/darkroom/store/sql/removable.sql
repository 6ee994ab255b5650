-- Ids of predictions that ended more than :keep_ms ago, still have data, and have no open attempt.
select id
  from predictions
 where completed_at is not null and data_removed_at is null
   and completed_at <= /*NOW*/ - :keep_ms
   and not exists (select 1
                     from attempts
                    where attempts.prediction_id = predictions.id and attempts.ended_at is null)
 order by completed_at
 limit :most
