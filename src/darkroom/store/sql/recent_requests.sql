-- The newest predictions of this server above an id whose request is remembered, newest first.
select id, request_digest
  from predictions
 where id > :since and server = /*SERVER*/ and request_digest is not null
 order by id desc
 limit :most
