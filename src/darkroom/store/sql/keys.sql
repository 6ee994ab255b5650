-- All API keys, oldest first.
select id, owner, digest, hint, admin, created_at, expires_at, revoked_at, pool
  from api_keys
 order by created_at, id
