"""Networks and data to runs."""
