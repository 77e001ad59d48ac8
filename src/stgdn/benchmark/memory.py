"""Peak memory of a measure beyond weights and batch: gradients, momentum, features kept, whatever libraries need.

On the CPU every network is measured in a process of its own, as the growth of its resident memory. There every large
array has pages of its own, which the system takes back when it is freed; holes that the heap would keep do not count.
"""

import gc
import multiprocessing
import os
import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from stgdn.benchmark.candidates import Candidate
from stgdn.benchmark.measures import Batch, Setting, batches, measure

MEASURED = ("step", "inference")
CALLS = 2  # the first makes momentum, the second has it from the beginning
LARGE = 2**18  # bytes from which glibc gives an array pages of its own


def peak_on_gpu(kind: str, module: nn.Module, given: list[Batch], setting: Setting) -> int:
    """Bytes allocated at the peak above those before."""
    call = measure(kind, module, given, setting)
    if setting.compile:
        call(0)  # what the compiler tries out is no part of it
        module.zero_grad(set_to_none=True)
        call = measure(kind, module, given, setting)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    for _ in range(CALLS):
        call(0)
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def peak_on_cpu(
    kind: str, candidate: Candidate, shape: tuple[int, ...], size: int, pairs: float, classes: int, setting: Setting
) -> int | None:
    """Bytes that a process of its own grows by; None if it was killed for want of memory.

    Args:
        kind: the measure.
        candidate: the network, built in that process.
        shape: (C, T, V, M).
        size: clips in a batch.
        pairs: share of clips with all bodies.
        classes: of the labels.
        setting: how it is run.
    """
    with _large_arrays_apart(), ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(_grown, kind, candidate, shape, size, pairs, classes, setting).result()
        except BrokenProcessPool:
            return None


def _grown(
    kind: str, candidate: Candidate, shape: tuple[int, ...], size: int, pairs: float, classes: int, setting: Setting
) -> int:
    torch.set_num_threads(setting.threads)
    given = batches(shape, size, pairs, classes, "cpu")[:1]
    call = measure(kind, candidate.build(), given, setting)
    if setting.compile:
        call(0)
    _load_libraries(kind, candidate, batches(shape, 1, pairs, classes, "cpu"), setting)
    before = _resident_now_and_at_peak()[0]
    for _ in range(CALLS):
        call(0)
    return _resident_now_and_at_peak()[1] - before


def _load_libraries(kind: str, candidate: Candidate, single: list[Batch], setting: Setting) -> None:
    """Convolve and multiply once: memory that PyTorch allocates at the first call is not the network's."""
    measure(kind, candidate.build(), single, Setting(setting.device, setting.precision, False, setting.threads))(0)
    gc.collect()


def _resident_now_and_at_peak() -> tuple[int, int]:
    """Bytes of this process; where the system does not tell those of now, the peak until now stands for them."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmRSS"].split()[0]) * 1024, int(lines["VmHWM"].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return peak, peak


@contextmanager
def _large_arrays_apart() -> Iterator[None]:
    """Let processes started meanwhile give large arrays pages of their own; glibc reads this at their start."""
    name = "MALLOC_MMAP_THRESHOLD_"
    before = os.environ.get(name)
    os.environ[name] = str(LARGE)
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before
