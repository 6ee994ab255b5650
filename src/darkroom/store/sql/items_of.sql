-- Outputs of several predictions, each after its prediction's id, oldest attempt first within each place.
select prediction_id, attempt, place, value, store_key, name, content_type, size_bytes, sha256, n, at
  from items
 where prediction_id in (/*LISTED*/) and attempt > 0
 order by prediction_id, place, attempt
