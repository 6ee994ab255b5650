-- A page of one owner's predictions, trainings left out, between two ids, from the oldest upwards.
select /*PREDICTION*/
  from predictions
 where owner = :owner and id > :above and id < :below
   and created_at >= :from_ms and created_at < :until_ms
   and destination is null
 order by id
 limit :size
