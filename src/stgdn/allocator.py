"""Options of glibc's memory allocator; other C libraries stay as they are."""

import ctypes
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # options of mallopt, as in malloc.h
NEVER = -1


def keep_freed_memory() -> None:
    """Keep memory that is freed for the next arrays, for a loop whose steps all need the same.

    By default arrays above 32 MiB go back to the system, which gives and clears every page of them anew in each step:
    a tenth of the time of a training step of large batches.
    """
    set_options({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: NEVER})


def free_at_once(nbytes: int) -> None:
    """Give arrays of at least so many bytes pages of their own, which go back to the system when they are freed."""
    set_options({M_MMAP_THRESHOLD: nbytes})


def set_options(options: dict[int, int]) -> None:
    """Set options of this process, and of processes that it forks from now on, where the C library has them."""
    with suppress(AttributeError, OSError, TypeError):
        for option, value in options.items():
            ctypes.CDLL(None).mallopt(option, value)
