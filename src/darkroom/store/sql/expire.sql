-- End what is past its deadline: aborted if it never ran, else canceled; returns the predictions.
with due as (
  select id
    from predictions
   where deadline_at is not null and completed_at is null and deadline_at <= /*NOW*/
   limit :most /*LOCK*/)
update predictions
   set status = case when started_at is null then 'aborted' else 'canceled' end,
       completed_at = /*NOW*/, claimed = 0, event_count = event_count + 1
 where id in (select id from due)
returning /*PREDICTION*/
