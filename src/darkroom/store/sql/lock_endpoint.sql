-- Whether this transaction may take from an endpoint: 1 unless another server does so just now.
select /*ALONE*/
