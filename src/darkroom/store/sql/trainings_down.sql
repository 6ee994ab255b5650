-- A page of one owner's trainings between two ids, from the newest downwards.
select /*PREDICTION*/
  from predictions
 where owner = :owner and id > :above and id < :below
   and created_at >= :from_ms and created_at < :until_ms
   and destination is not null
 order by id desc
 limit :size
