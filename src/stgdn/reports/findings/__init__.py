"""Say what the runs show: one table, depth, plug-in, the claims of the letter, smoothing against accuracy."""
