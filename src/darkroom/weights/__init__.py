"""Makes the weights of a version lie in a local folder."""
