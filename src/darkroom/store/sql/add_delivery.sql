-- Put a webhook into the outbox, once per prediction and kind; returns nothing.
insert into deliveries(prediction_id, kind, url, next_at) values (:id, :kind, :url, /*NOW*/)
on conflict (prediction_id, kind) do nothing
