-- The logs of several predictions, in pieces, each after its prediction's id, in order.
select prediction_id, text from log_lines where prediction_id in (/*LISTED*/) order by prediction_id, n
