-- Add event number :n of a prediction; returns nothing.
insert into events(prediction_id, n, kind, data, at) values (:id, :n, :kind, :data, /*NOW*/)
