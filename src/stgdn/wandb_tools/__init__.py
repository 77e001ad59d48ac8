"""Records at W&B: written, found, uploaded, looked at."""
