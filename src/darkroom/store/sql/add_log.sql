-- Add log text as event :n of a prediction; returns nothing.
insert into log_lines(prediction_id, n, text, at) values (:id, :n, :text, /*NOW*/)
