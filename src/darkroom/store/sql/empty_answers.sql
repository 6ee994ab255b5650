-- Empty what webhooks of a prediction were answered; returns nothing.
update delivery_tries set answer = null where prediction_id = :id and answer is not null
