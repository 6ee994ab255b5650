-- Add a prediction, claimed as attempt 1 where :claimed is 1; returns the times that the clock gave.
insert into predictions(
  id, owner, model, version, shape, input_files, webhook, webhook_events, webhook_site,
  deployment, destination, request_digest, pool, priority, fair_key, gate, server, attempt, claimed,
  created_at, deadline_at)
values (
  :id, :owner, :model, :version, :shape, :input_files, :webhook, :webhook_events, :webhook_site,
  :deployment, :destination, :request_digest, :pool, :priority, :fair_key, :gate, /*SERVER*/,
  cast(:claimed as bigint), cast(:claimed as integer), /*NOW*/, /*NOW*/ + :cancel_after_ms)
returning created_at, deadline_at
