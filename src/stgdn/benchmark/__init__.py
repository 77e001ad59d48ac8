"""How fast networks train and data is fed, and what it takes."""
