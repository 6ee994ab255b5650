-- Note that a numbered message of an attempt is recorded; returns its number, or no row if it had been before.
update attempts
   set told = :number
 where prediction_id = :id and attempt = :attempt and told < :number
returning attempt
