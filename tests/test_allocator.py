"""Whether freed memory stays with the process or goes back, by the pages that the system must give it again."""

import platform
import subprocess
import sys

import pytest

PAGES_OF_AN_ARRAY = 64 * 2**20 // 4096
COUNT = """
import resource
import numpy as np
from stgdn.allocator import free_at_once, keep_what_a_step_needs
{}
for _ in range(2):
    np.ones(2**23)  # 64 MiB; the first grows the heap
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


GROWTH = """
from pathlib import Path
import os
import torch
from stgdn.allocator import CAPACITY, keep_what_a_step_needs
{}
convolution = torch.nn.Conv2d(128, 128, (9, 1))
def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
for N in range(1, 321):
    convolution(torch.zeros(N, 128, 10, 2)).sum().backward()
    if N == 10:
        before = memory()
print(memory() - before)
"""


ALL_SHAPES = "os.environ[CAPACITY] = '1024'; keep_what_a_step_needs()"  # the user's number stays


def measured(program: str) -> int:
    """Return the number that a program prints in a process of its own."""
    environment = {"NUMPY_MADVISE_HUGEPAGE": "0", "PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", program]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def pages_given(option: str) -> int:
    """Return the number of pages that a process is given for ten arrays of 64 MiB, one after the other."""
    return measured(COUNT.format(option))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no /proc, which says what memory is used")
def test_shapes_that_are_gone_leave_memory() -> None:
    assert measured(GROWTH.format("keep_what_a_step_needs()")) < 0.7 * measured(GROWTH.format(ALL_SHAPES))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="options of another C library")
def test_memory_is_kept_or_given_back() -> None:
    assert pages_given("keep_what_a_step_needs()") < PAGES_OF_AN_ARRAY
    assert pages_given("free_at_once(2**18)") > 9 * PAGES_OF_AN_ARRAY
