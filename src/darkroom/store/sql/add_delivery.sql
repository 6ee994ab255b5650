-- Put a webhook into the outbox as the next of its prediction; returns nothing.
insert into deliveries(prediction_id, n, kind, endpoint, created_at, next_at)
select :id, coalesce(max(n), 0) + 1, :kind, :endpoint, /*NOW*/, /*NOW*/
  from deliveries
 where prediction_id = :id
