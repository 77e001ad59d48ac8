"""What a process keeps in memory: options of glibc's allocator (other C libraries stay as they are) and of oneDNN."""

import ctypes
import os
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # options of mallopt, as in malloc.h
NEVER = -1
CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
CONVOLUTIONS = 128  # more than a training step of any network here has, with their gradients


def keep_freed_memory() -> None:
    """Keep memory that is freed for the next arrays, for a loop whose steps all need the same.

    By default arrays above 32 MiB go back to the system, which gives and clears every page of them anew in each step:
    a tenth of the time of a training step of large batches.
    """
    set_options({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: NEVER})


def keep_few_convolutions() -> None:
    """Let oneDNN keep the code and the scratch memory of one training step's convolutions, unless the user says else.

    It keeps those of 1,024 shapes by default. Every number of bodies in a batch is another shape, which made a training
    of `agcn` at half width with batches of 32 clips grow from 1.7 to 4.1 GiB; with 128 it is 2.4, in the same time.
    oneDNN reads it at the first convolution of the process.
    """
    os.environ.setdefault(CAPACITY, str(CONVOLUTIONS))


def free_at_once(nbytes: int) -> None:
    """Give arrays of at least so many bytes pages of their own, which go back to the system when they are freed."""
    set_options({M_MMAP_THRESHOLD: nbytes})


def set_options(options: dict[int, int]) -> None:
    """Set options of this process, and of processes that it forks from now on, where the C library has them."""
    with suppress(AttributeError, OSError, TypeError):
        for option, value in options.items():
            ctypes.CDLL(None).mallopt(option, value)
