-- Have an open attempt of a remote worker be with this server; returns its number, or no row if it has ended.
update attempts
   set server = /*SERVER*/
 where prediction_id = :id and attempt = :attempt
   and worker = :worker and incarnation = :incarnation and remote = 1 and ended_at is null
returning attempt
