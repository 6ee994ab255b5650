-- One uploaded file that is whole and has not expired.
select id, owner, name, content_type, size_bytes, sha256, md5, metadata, created_at, expires_at
  from uploads
 where id = :id and arrived_at is not null and expires_at > /*NOW*/
