"""Whether freed memory stays with the process or goes back, by the pages that the system must give it again."""

import platform
import subprocess
import sys

import pytest

PAGES_OF_AN_ARRAY = 64 * 2**20 // 4096
COUNT = """
import resource
import numpy as np
from stgdn.allocator import free_at_once, keep_freed_memory
{}
for _ in range(2):
    np.ones(2**23)  # 64 MiB; the first grows the heap
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_given(option: str) -> int:
    """Return the number of pages that a process is given for ten arrays of 64 MiB, one after the other."""
    environment = {"NUMPY_MADVISE_HUGEPAGE": "0", "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", COUNT.format(option)]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="options of another C library")
def test_memory_is_kept_or_given_back() -> None:
    assert pages_given("keep_freed_memory()") < PAGES_OF_AN_ARRAY
    assert pages_given("free_at_once(2**18)") > 9 * PAGES_OF_AN_ARRAY
