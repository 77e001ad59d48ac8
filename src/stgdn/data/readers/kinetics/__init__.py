"""Read Kinetics-Skeleton's JSON files."""

from stgdn.data.readers.kinetics.kinetics_reader import KineticsReader

__all__ = ["KineticsReader"]
