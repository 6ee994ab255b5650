-- One stored file of a prediction.
select attempt, place, value, store_key, name, content_type, size_bytes, sha256, n, at
  from items
 where prediction_id = :id and attempt = :attempt and place = :place and store_key is not null
