-- The inputs of several predictions, each after its prediction's id.
select prediction_id, input from inputs where prediction_id in (/*LISTED*/)
