-- Forget keys of repeated creations that are older than :keep_ms; returns nothing.
delete from idempotency_keys where created_at <= /*NOW*/ - :keep_ms
