-- Hold fast an open attempt whose lease stands, with server '' for this one; returns its number, or no row.
select attempt
  from attempts
 where prediction_id = :id and attempt = :attempt and ended_at is null
   and worker = :worker and incarnation = :incarnation
   and server = case when cast(:server as text) = '' then /*SERVER*/ else cast(:server as text) end
 /*LOCK_ROW*/
