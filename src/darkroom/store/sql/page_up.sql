-- A page of one owner's predictions, trainings left out, above :edge, upwards.
select /*PREDICTION*/
  from predictions
 where owner = :owner and id > :edge and created_at >= :from_ms and created_at < :until_ms
   and destination is null
 order by id
 limit :size
