-- How many predictions of an owner are claimed that count against its running limit.
select count(*)
  from predictions
 where owner = :owner and claimed = 1 and completed_at is null and gate > 0
