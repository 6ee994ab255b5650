-- Uploaded files that have expired, those that never arrived too; those behind one that expired at
-- :past_at with the id :past.
select expires_at, id
  from uploads
 where expires_at <= /*NOW*/ and (expires_at, id) > (:past_at, :past)
 order by expires_at, id
 limit :most
