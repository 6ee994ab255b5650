-- Remember the request that made a prediction; returns nothing.
update predictions set request_digest = :digest where id = :id
