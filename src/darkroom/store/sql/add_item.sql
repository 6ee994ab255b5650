-- Keep an output of an attempt, or with attempt 0 a file of the input; returns nothing.
insert into items(
  prediction_id, attempt, place, n, at, value, store_key, name, content_type, size_bytes, sha256)
values (
  :id, :attempt, :place, :n, /*NOW*/, :value, :store_key, :name, :content_type, :size_bytes,
  :sha256)
on conflict (prediction_id, attempt, place) do nothing
