-- Count an owner's predictions against its running limit; those that wait stay behind. Returns nothing.
update predictions
   set gate = case when claimed = 1 then 1 else 2 end
 where owner = :owner and completed_at is null and gate = 0
