-- Events of a prediction after number :after, in order.
select n, kind, data, at from events where prediction_id = :id and n > :after order by n
