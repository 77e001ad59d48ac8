"""Read PYSKL's annotation files."""

from stgdn.data.readers.pyskl.pyskl_reader import PysklReader

__all__ = ["PysklReader"]
