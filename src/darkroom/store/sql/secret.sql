-- A secret of the server by name.
select value from secrets where name = :name
