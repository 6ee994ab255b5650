-- Outputs of a prediction, oldest attempt first within each index.
select attempt, n, value, store_key, name, content_type, size_bytes, sha256
  from items
 where prediction_id = :id and attempt > 0
 order by n, attempt
