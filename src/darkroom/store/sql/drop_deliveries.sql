-- Drop what has been overtaken by the end of a prediction; returns nothing.
update deliveries
   set state = 'dropped'
 where prediction_id = :id and kind in ('output', 'logs')
   and state = 'pending' and taken_at is null
