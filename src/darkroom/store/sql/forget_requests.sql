-- Forget the requests that made predictions of this server above an id; returns nothing.
update predictions
   set request_digest = null
 where id > :since and server = /*SERVER*/ and request_digest is not null
