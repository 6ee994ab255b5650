-- What an owner's idempotency key has made within :keep_ms: its prediction and request; 0 or 1 row.
select prediction_id, digest
  from idempotency_keys
 where owner = :owner and key = :key and created_at > /*NOW*/ - :keep_ms
