-- Forget the log of a prediction; returns nothing.
delete from log_lines where prediction_id = :id
