-- Empty the input of a prediction; returns nothing.
update inputs set input = '{}' where prediction_id = :id
