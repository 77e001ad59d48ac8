"""Commands: options, messages and their start."""
