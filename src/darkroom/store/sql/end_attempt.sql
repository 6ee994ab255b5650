-- Close an attempt that is still open; returns its number, or no row if it was closed before.
update attempts
   set ended_at = /*NOW*/, outcome = :outcome, error = :error, run_seconds = :run_seconds
 where prediction_id = :id and attempt = :attempt and ended_at is null
returning attempt
