-- Forget a server that has fallen silent, unless it has been heard of since; returns nothing.
delete from servers where id = :id and beat = :beat
