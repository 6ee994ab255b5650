-- Forget the requests that made predictions above an id; returns nothing.
update predictions set request_digest = null where id > :since and request_digest is not null
