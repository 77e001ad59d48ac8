"""Speed and memory of networks and of feeding data."""
