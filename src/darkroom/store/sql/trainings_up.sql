-- A page of one owner's trainings above :edge, upwards.
select /*PREDICTION*/
  from predictions
 where owner = :owner and id > :edge and created_at >= :from_ms and created_at < :until_ms
   and destination is not null
 order by id
 limit :size
