"""Run folders: their files, their names, and reading them."""
