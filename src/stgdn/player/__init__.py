"""Moving pictures of clips, and what networks say of them and look at: a page, a film, or frames side by side."""
