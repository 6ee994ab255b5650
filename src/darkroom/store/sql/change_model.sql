-- Change what a model tells of itself: null keeps what is there, an empty text empties it. Returns
-- the model, or no row if it is gone.
update models
   set visibility = coalesce(:visibility, visibility),
       description = coalesce(:description, description),
       readme = coalesce(:readme, readme),
       github_url = nullif(coalesce(:github_url, github_url), ''),
       paper_url = nullif(coalesce(:paper_url, paper_url), ''),
       license_url = nullif(coalesce(:license_url, license_url), ''),
       cover_image_url = nullif(coalesce(:cover_image_url, cover_image_url), ''),
       weights_url = nullif(coalesce(:weights_url, weights_url), '')
 where owner = :owner and name = :name
returning owner, name, visibility, hardware, description, readme, github_url, paper_url,
          license_url, cover_image_url, weights_url, created_at
