-- All bytes of a file have arrived; returns it, or no row if it was given up meanwhile.
update uploads
   set name = :name, content_type = :content_type, size_bytes = :size_bytes, sha256 = :sha256,
       md5 = :md5, metadata = :metadata, created_at = /*NOW*/, arrived_at = /*NOW*/,
       expires_at = /*NOW*/ + :keep_ms
 where id = :id and arrived_at is null
returning id, owner, name, content_type, size_bytes, sha256, md5, metadata, created_at, expires_at
