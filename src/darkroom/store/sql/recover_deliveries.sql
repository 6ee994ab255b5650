-- Make due what an earlier server had taken and never settled; returns nothing.
update deliveries
   set next_at = /*NOW*/
 where state = 'pending' and taken_at is not null and next_at > /*NOW*/
