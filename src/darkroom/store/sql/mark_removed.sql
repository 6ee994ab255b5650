-- Note that a prediction's data is gone; returns its id, or no row if it was gone before or it runs.
update predictions
   set data_removed_at = /*NOW*/, input_files = '[]'
 where id = :id and completed_at is not null and data_removed_at is null
returning id
