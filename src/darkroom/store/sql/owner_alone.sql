-- 1 unless another server decides about this owner's line just now; it is ours until the commit.
select /*OWNER_ALONE*/
