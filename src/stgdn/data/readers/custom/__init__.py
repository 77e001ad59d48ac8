"""Read recordings of one's own, described by `dataset.yaml`."""

from stgdn.data.readers.custom.custom_reader import CustomReader

__all__ = ["CustomReader"]
