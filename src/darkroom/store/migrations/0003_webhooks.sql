-- When a delivery was first tried, when somebody took it to send it, and when the last try ended.
alter table deliveries add column first_at bigint;
-- Null unless it is being sent; next_at is then when it may be taken from whoever has it.
alter table deliveries add column taken_at bigint;
alter table deliveries add column told_at bigint;
