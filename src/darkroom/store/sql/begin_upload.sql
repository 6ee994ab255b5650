-- Announce a file whose bytes are about to arrive; it expires soon if they do not; returns nothing.
insert into uploads(id, owner, created_at, expires_at)
values (:id, :owner, /*NOW*/, /*NOW*/ + :arrival_ms)
