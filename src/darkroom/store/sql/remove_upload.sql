-- Forget an uploaded file whose bytes are gone; returns nothing.
delete from uploads where id = :id
