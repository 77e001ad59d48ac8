"""Set what a process keeps in memory: options of glibc's allocator (other C libraries stay as they are), of oneDNN."""

import ctypes
import os
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # options of mallopt, as in malloc.h
NEVER = -1
CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
CONVOLUTIONS = 320  # of oneDNN's in one training step, with gradients and copies into other types: `st_gcn_pp` has 241


def keep_what_a_step_needs() -> None:
    """Keep freed memory for the next arrays, and the convolutions of one step: for a training on a CPU.

    By default arrays above 32 MiB go back to the system, which gives and clears every page of them anew in each step:
    a tenth of the time of a training step of large batches.

    oneDNN keeps code and scratch memory for 1,024 shapes of convolutions by default. Every number of bodies in a batch
    is another shape, so that memory grows: a training of `agcn` at half width, in batches of 32 clips, from 1.7 to
    4.1 GiB, and to 3.1 with this number. Fewer than a step has would be made anew in each step. A number that the user
    has set stays. oneDNN reads it at the first convolution of the process.
    """
    set_options({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: NEVER})
    os.environ.setdefault(CAPACITY, str(CONVOLUTIONS))


def free_at_once(nbytes: int) -> None:
    """Give arrays of at least so many bytes pages of their own, which go back to the system when they are freed."""
    set_options({M_MMAP_THRESHOLD: nbytes})


def set_options(options: dict[int, int]) -> None:
    """Set options of this process, and of processes that it forks from now on, where the C library has them."""
    with suppress(AttributeError, OSError, TypeError):
        for option, value in options.items():
            ctypes.CDLL(None).mallopt(option, value)
