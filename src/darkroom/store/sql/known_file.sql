-- A row if a file of a prediction is named by an item, or its attempt is open and may still name it.
select 1
  from items
 where prediction_id = :id and attempt = :attempt and place = :place and store_key is not null
union all
select 1 from attempts where prediction_id = :id and attempt = :attempt and ended_at is null
