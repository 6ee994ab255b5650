-- All deliveries of a prediction, in order.
select n, kind, state, created_at, next_at from deliveries where prediction_id = :id order by n
