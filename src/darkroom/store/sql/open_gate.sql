-- Let an owner run any number; returns nothing.
update predictions
   set gate = 0
 where owner = :owner and completed_at is null and gate > 0
