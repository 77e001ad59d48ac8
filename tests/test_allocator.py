"""What a process keeps: freed memory, by the pages that the system gives it again; convolutions, as oneDNN tells."""

import platform
import subprocess
import sys

import pytest
import torch

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

SHAPES = """
import os
import torch
from stgdn.allocator import CAPACITY, keep_what_a_step_needs
{}
convolution = torch.nn.Conv2d(8, 8, (9, 1))
def step(N):
    convolution(torch.zeros(N, 8, 10, 2)).sum().backward()
for N in range(2, 2 + {}):
    step(N)
with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON_CREATION):
    step(2)
"""

ALL_SHAPES = "os.environ[CAPACITY] = '1024'; keep_what_a_step_needs()"  # the user's number stays


def printed(program: str) -> str:
    """Return what a program prints in a process of its own."""
    environment = {"NUMPY_MADVISE_HUGEPAGE": "0", "PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def pages_given(option: str) -> int:
    """Return the number of pages that a process is given for ten arrays of 64 MiB, one after the other."""
    return int(printed(COUNT.format(option)))


def kept(option: str, shapes: int) -> list[bool]:
    """Return whether oneDNN still has each convolution of the first shape after a step of each of so many."""
    lines = printed(SHAPES.format(option, shapes)).splitlines()
    return ["cache_hit" in line for line in lines if "create" in line and ",convolution," in line]


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="a PyTorch without oneDNN")
@pytest.mark.parametrize(
    ("option", "shapes", "still_there"),
    [
        ("keep_what_a_step_needs()", 40, True),  # five to seven convolutions and copies a shape
        ("keep_what_a_step_needs()", 100, False),
        (ALL_SHAPES, 100, True),
    ],
)
def test_shapes_that_are_gone_leave_memory(option: str, shapes: int, still_there: bool) -> None:
    found = kept(option, shapes)
    assert len(found) >= 2
    assert set(found) == {still_there}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="options of another C library")
def test_memory_is_kept_or_given_back() -> None:
    assert pages_given("keep_what_a_step_needs()") < PAGES_OF_AN_ARRAY
    assert pages_given("free_at_once(2**18)") > 9 * PAGES_OF_AN_ARRAY
