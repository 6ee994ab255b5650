"""The outside face: Replicate's wire on Starlette, pages, files, and the workers' door."""
