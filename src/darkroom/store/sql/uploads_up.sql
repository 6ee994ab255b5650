-- A page of one owner's uploaded files above :edge, upwards.
select id, owner, name, content_type, size_bytes, sha256, md5, metadata, created_at, expires_at
  from uploads
 where owner = :owner and id > :edge and arrived_at is not null and expires_at > /*NOW*/
 order by id
 limit :size
