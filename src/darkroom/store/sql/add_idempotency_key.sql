-- Keep an idempotency key, in the place of one older than :keep_ms; no row if it is in use.
insert into idempotency_keys(owner, key, digest, prediction_id, created_at)
values (:owner, :key, :digest, :prediction_id, /*NOW*/)
on conflict (owner, key) do update
   set digest = excluded.digest, prediction_id = excluded.prediction_id,
       created_at = excluded.created_at
 where idempotency_keys.created_at <= /*NOW*/ - :keep_ms
returning prediction_id
