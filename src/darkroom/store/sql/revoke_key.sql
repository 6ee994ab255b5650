-- Revoke an API key; returns it, with the first time of revocation.
update api_keys set revoked_at = coalesce(revoked_at, /*NOW*/) where id = :id
returning id, owner, digest, hint, admin, created_at, expires_at, revoked_at, pool
