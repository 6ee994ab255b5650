-- Remember the request that made a prediction, or with null forget it; returns nothing.
update predictions set request_digest = :digest where id = :id
