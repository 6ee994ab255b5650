-- Claim one waiting prediction; returns it, or no row if somebody else has it or it has ended.
update predictions
   set claimed = 1, attempt = attempt + 1
 where id = (select id
               from predictions
              where id = :id and claimed = 0 and completed_at is null /*LOCK*/)
returning /*PREDICTION*/
