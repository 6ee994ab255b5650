-- The input of a prediction.
select input from inputs where prediction_id = :id
