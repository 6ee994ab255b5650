-- Forget where remote workers came to more than :keep_ms ago; returns nothing.
delete from remote_workers where came_at < /*NOW*/ - :keep_ms
