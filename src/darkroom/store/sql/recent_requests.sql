-- The newest predictions above an id whose request is remembered, newest first.
select id, request_digest
  from predictions
 where id > :since and request_digest is not null
 order by id desc
 limit :most
