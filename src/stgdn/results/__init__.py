"""Runs to what people look at."""
