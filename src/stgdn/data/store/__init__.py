"""Prepared stores: what they hold, how they are written, read and described."""
