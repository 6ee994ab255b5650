-- Ids of uploaded files that have expired, those that never arrived too.
select id from uploads where expires_at <= /*NOW*/ order by expires_at limit :most
