-- All models that were made over the API.
select owner, name, visibility, hardware, description, readme, github_url, paper_url, license_url,
       cover_image_url, weights_url, created_at
  from models
 order by created_at, owner, name
