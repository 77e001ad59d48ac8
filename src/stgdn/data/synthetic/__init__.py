"""Synthetic people who act: the demo's data set."""
