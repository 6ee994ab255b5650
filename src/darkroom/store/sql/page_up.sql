-- A page of one owner's predictions above :edge, upwards.
select /*PREDICTION*/
  from predictions
 where owner = :owner and id > :edge and created_at >= :from_ms and created_at < :until_ms
   and (case when destination is null then 0 else 1 end) = :trainings
 order by id
 limit :size
