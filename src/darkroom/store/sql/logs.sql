-- The log of a prediction after event :after, in pieces, in order.
select n, text, at from log_lines where prediction_id = :id and n > :after order by n
