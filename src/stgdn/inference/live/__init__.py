"""Recognition of a stream, a decision every so many frames."""
