-- Let an owner's idempotency key stand for this prediction no more; returns nothing.
delete from idempotency_keys
 where owner = :owner and key = :key and prediction_id = :prediction_id
