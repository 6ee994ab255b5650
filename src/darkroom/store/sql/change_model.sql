-- Change what a model tells of itself; returns its owner, or no row if it is gone.
update models
   set visibility = :visibility, description = :description, readme = :readme,
       github_url = :github_url, paper_url = :paper_url, license_url = :license_url,
       cover_image_url = :cover_image_url, weights_url = :weights_url
 where owner = :owner and name = :name
returning owner
