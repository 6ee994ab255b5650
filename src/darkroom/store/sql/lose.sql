-- End a live attempt without a result: wait again, or fail; returns the prediction.
update predictions
   set claimed = 0,
       losses = losses + :counts,
       status = coalesce(:status, status),
       error = :error,
       completed_at = case when cast(:status as text) is not null then /*NOW*/ end,
       event_count = event_count + :events
 where id = :id and attempt = :attempt and claimed = 1
returning /*PREDICTION*/
