-- One prediction by its id.
select /*PREDICTION*/ from predictions where id = :id
