-- Cancel a prediction that has not ended; returns it, or no row if it has or is not this owner's.
update predictions
   set status = 'canceled', completed_at = /*NOW*/, claimed = 0, event_count = event_count + 1
 where id = :id and completed_at is null and (cast(:owner as text) is null or owner = :owner)
returning /*PREDICTION*/
