-- What a trainer begins with.
select base from trainers where id = :id
