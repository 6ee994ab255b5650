-- Forget all outputs of a prediction and the files of its input; returns nothing.
delete from items where prediction_id = :id
