"""Fusion of scores, and how networks disagree."""
