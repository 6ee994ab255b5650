-- Hold what else is to be told of output or logs back for a while; returns nothing.
update deliveries
   set next_at = /*NOW*/ + :apart_ms
 where prediction_id = :id and kind in ('output', 'logs')
   and state = 'pending' and taken_at is null and next_at < /*NOW*/ + :apart_ms
