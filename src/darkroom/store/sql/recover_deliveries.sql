-- Make due what this server had taken in an earlier life and never settled; returns nothing.
update deliveries
   set next_at = /*NOW*/
 where state = 'pending' and taken_at is not null and next_at > /*NOW*/ and server = /*SERVER*/
