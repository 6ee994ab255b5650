-- Apply what a live attempt tells; returns the prediction, or no row if it was superseded or has ended.
update predictions
   set status = case when cast(:status as text) is not null then :status
                     when :started = 1 then 'processing'
                     else status end,
       started_at = case when :started = 1 then coalesce(started_at, /*NOW*/) else started_at end,
       completed_at = case when cast(:status as text) is not null then /*NOW*/ end,
       claimed = case when cast(:status as text) is not null then 0 else 1 end,
       error = :error,
       metrics = coalesce(:metrics, metrics),
       event_count = event_count + :events,
       output_count = case when :outputs > output_count then :outputs else output_count end
 where id = :id and attempt = :attempt and claimed = 1
returning /*PREDICTION*/
