"""Read NTU RGB+D's `.skeleton` files."""

from stgdn.data.readers.ntu.ntu_reader import NTUReader

__all__ = ["NTUReader"]
