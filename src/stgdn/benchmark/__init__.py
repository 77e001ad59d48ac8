"""How fast data is read and fed, and what it takes."""
