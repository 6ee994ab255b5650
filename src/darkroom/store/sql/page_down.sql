-- A page of one owner's predictions from the newest, or below :edge, downwards.
select /*PREDICTION*/
  from predictions
 where owner = :owner and id < :edge and created_at >= :from_ms and created_at < :until_ms
   and (case when destination is null then 0 else 1 end) = :trainings
 order by id desc
 limit :size
