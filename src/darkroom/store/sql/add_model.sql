-- Add a model; returns the time the clock gave, or no row if its owner has one of that name.
insert into models(
  owner, name, visibility, hardware, description, readme, github_url, paper_url, license_url,
  cover_image_url, weights_url, created_at)
values (
  :owner, :name, :visibility, :hardware, :description, :readme, :github_url, :paper_url,
  :license_url, :cover_image_url, :weights_url, /*NOW*/)
on conflict do nothing
returning created_at
