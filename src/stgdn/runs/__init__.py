"""Runs: what lies in a run's folder, what it is called, and how it is read."""
