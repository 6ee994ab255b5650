-- Make a delivery due now, as if new, unless it is being sent; returns its number.
update deliveries
   set state = 'pending', tries = 0, first_at = null, next_at = /*NOW*/
 where prediction_id = :id and n = :n and taken_at is null
returning n
