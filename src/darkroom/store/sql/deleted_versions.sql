-- Ids of all versions that were deleted.
select id from deleted_versions
