"""Prepared stores: write, read and describe them."""
