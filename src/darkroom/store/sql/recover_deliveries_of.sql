-- Make due what a server that is gone had taken; nothing if it is known, so alive; returns nothing.
update deliveries
   set next_at = /*NOW*/
 where state = 'pending' and taken_at is not null and next_at > /*NOW*/ and server = :server
   and not exists (select 1 from servers where id = :server)
