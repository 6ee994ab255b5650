-- Outputs of a prediction, oldest attempt first within each place.
select attempt, place, value, store_key, name, content_type, size_bytes, sha256, n, at
  from items
 where prediction_id = :id and attempt > 0
 order by place, attempt
