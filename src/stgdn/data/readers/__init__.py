"""Readers of raw sources, one file or folder for each kind."""
