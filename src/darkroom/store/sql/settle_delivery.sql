-- Keep what came of a try; returns its number, or no row if somebody else has taken it since.
update deliveries
   set state = :state, taken_at = null, told_at = /*NOW*/, next_at = /*NOW*/ + :wait_ms
 where prediction_id = :id and n = :n and taken_at = :taken_at
returning n
