"""Trained networks on raw clips."""
