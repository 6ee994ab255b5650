-- The facts of a live attempt that decide what follows; no row if it was superseded or has ended.
select losses, status, output_count, event_count, webhook, webhook_events
  from predictions
 where id = :id and attempt = :attempt and claimed = 1 /*LOCK_ROW*/
