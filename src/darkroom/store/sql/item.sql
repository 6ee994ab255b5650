-- One stored file of a prediction.
select attempt, n, value, store_key, name, content_type, size_bytes, sha256
  from items
 where prediction_id = :id and attempt = :attempt and n = :n and store_key is not null
