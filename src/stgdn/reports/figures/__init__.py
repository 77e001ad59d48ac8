"""Figures of runs, stores and networks."""
