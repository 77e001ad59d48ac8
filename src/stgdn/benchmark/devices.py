"""The device that is measured on: its clock, its memory, and what it can do at best."""

import os
from collections.abc import Callable
from pathlib import Path

import torch

from stgdn.benchmark.measures import PRECISIONS, Setting
from stgdn.benchmark.timing import Way, machine, stopwatch
from stgdn.data.store.prepare import available_cores
from stgdn.errors import InputError, choose

PRODUCT = {"cpu": 2048, "cuda": 8192}  # rows and columns of the square matrices that are multiplied
COPY = {"cpu": 2**28, "cuda": 2**30}  # bytes that are copied: more than caches hold


def device(given: str) -> str:
    """`cpu` or `cuda`; `auto` is a GPU where there is one.

    Raises:
        InputError: another word, or no GPU to be found.
    """
    if choose(given, ("auto", "cpu", "cuda"), "device") == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if given == "cuda" and not torch.cuda.is_available():
        raise InputError(
            f"device=cuda: torch {torch.__version__} finds no GPU here; give device=cpu, or use another machine"
        )
    return given


def thread_count(given: int | None) -> int:
    """Threads that PyTorch computes with: as told, else as OMP_NUM_THREADS says, else one for every core."""
    return given or int(os.environ.get("OMP_NUM_THREADS", 0)) or available_cores()


def described(setting: Setting) -> str:
    """Day, machine, versions."""
    gpu = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}; " if setting.device == "cuda" else ""
    return gpu + machine()


def clock(setting: Setting) -> Callable[[Callable[[], object]], float]:
    """Return a function that measures the seconds of a call; on a GPU between two events, after all earlier work."""
    return _events if setting.device == "cuda" else stopwatch


def _events(call: Callable[[], object]) -> float:
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    begin.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1e3


def limits(setting: Setting) -> tuple[dict[str, Way], dict[str, int]]:
    """Ways to see what the device can do at best, a matrix product and a copy; and their operations, or bytes.

    On a GPU, products of float32 are in TF32 if convolutions are. On a CPU they are always in float32:
    many have no fast product of 16 bits.
    """
    size, numbers = PRODUCT[setting.device], COPY[setting.device] // 4
    dtype = PRECISIONS[setting.precision] if setting.device == "cuda" else torch.float32
    left, right = (torch.rand(size, size, device=setting.device).to(dtype) for _ in range(2))
    source, target = (torch.zeros(numbers, device=setting.device) for _ in range(2))
    product = torch.empty_like(left)

    def multiply(_: int) -> None:
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
        try:
            torch.matmul(left, right, out=product)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before

    return {"product": multiply, "copy": lambda _: target.copy_(source)}, {
        "product": 2 * size**3,
        "copy": 2 * COPY[setting.device],
    }


def free_memory(setting: Setting) -> int:
    """Bytes that could be taken now."""
    if setting.device == "cuda":
        return torch.cuda.mem_get_info()[0]
    for line in Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else ():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
