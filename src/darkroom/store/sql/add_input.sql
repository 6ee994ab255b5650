-- Keep the input of a new prediction; returns nothing.
insert into inputs(prediction_id, input) values (:id, :input)
