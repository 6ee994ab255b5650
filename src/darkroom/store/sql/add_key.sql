-- Keep an API key; returns the time the clock gave, or no row if that digest is known.
insert into api_keys(id, owner, digest, hint, admin, created_at, expires_at, pool)
values (:id, :owner, :digest, :hint, :admin, /*NOW*/, :expires_at, :pool)
on conflict do nothing
returning created_at
