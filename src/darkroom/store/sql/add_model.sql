-- Add a model; returns the time the clock gave, or no row if its owner has one of that name, or had
-- one of which a trained version is left.
insert into models(
  owner, name, visibility, hardware, description, readme, github_url, paper_url, license_url,
  cover_image_url, weights_url, created_at)
select :owner, :name, :visibility, :hardware, :description, :readme, :github_url, :paper_url,
       :license_url, :cover_image_url, :weights_url, /*NOW*/
 where not exists (select 1
                     from trained_versions
                    where model = :path and id not in (select id from deleted_versions))
on conflict do nothing
returning created_at
