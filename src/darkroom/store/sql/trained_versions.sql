-- All versions that trainings have made, deleted ones too, oldest first.
select version from trained_versions order by created_at, id
