"""From stores to the network's batches."""
