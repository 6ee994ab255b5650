-- The log of a prediction, in pieces, in order.
select data from events where prediction_id = :id and kind = 'logs' order by n
