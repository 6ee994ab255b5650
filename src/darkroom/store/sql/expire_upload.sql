-- Let an uploaded file end now; returns its id, or no row if there is none or it is not this owner's.
update uploads
   set expires_at = /*NOW*/
 where id = :id and owner = :owner and arrived_at is not null and expires_at > /*NOW*/
returning id
