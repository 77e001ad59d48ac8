"""Count what a call costs besides time (operations, bytes, memory), and what the device can do at best.

Peak memory is counted beyond weights and batch: gradients, momentum, features that are kept, what libraries need. On a
CPU it is the growth of the resident memory of a process of its own. There every large array has its own pages, which
the system takes back when it is freed; gaps that the heap would keep do not count.
"""

import gc
import multiprocessing
import os
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.benchmark import set_torch_threads

from stgdn.allocator import free_at_once
from stgdn.benchmark.candidates import Candidate
from stgdn.benchmark.timing import Call, proc_bytes
from stgdn.benchmark.workload import PRECISIONS, Batch, Workload, timed_call
from stgdn.model.complexity import count_operations

PRODUCT = {"cpu": 2048, "cuda": 8192}  # rows and columns of the square matrices that are multiplied
IMAGES = 16  # among which the rows of a product are shared out on a CPU
COPY = {"cpu": 2**28, "cuda": 2**30}  # bytes that are copied: more than caches hold
WRITES_NOTHING = ("aten::_unsafe_view", "aten::empty", "aten::new_empty", "aten::empty_like", "aten::empty_strided")
CALLS = 2  # for the peak of memory: the first makes the momentum, the second has it from the beginning
LARGE = 2**18  # bytes from which an array goes back to the system when it is freed, where peaks are measured


class TrafficCounter(TorchDispatchMode):
    """Count the bytes of operations, each as if it fetched its inputs from memory and put its output back.

    Caches and fused operations save some of it; what a library does inside (im2col, other layouts) is not counted.
    Views are no traffic, and of an expanded tensor only what is stored counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        """Run the operation and count its bytes."""
        result = func(*args, **(kwargs or {}))
        if not func.is_view and func._schema.name not in WRITES_NOTHING:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
            self.bytes += sum(min(each.nbytes, each.untyped_storage().nbytes()) for each in tensors)
        return result


def operations_and_bytes(call: Callable[[], object]) -> tuple[int, int]:
    """Return the operations and the bytes of a call.

    A multiply-add counts as two operations; convolutions and matrix products count, element-wise work does not.
    """
    operations = count_operations(call)
    with TrafficCounter() as traffic:
        call()
    return operations, traffic.bytes


def clip_flops(module: nn.Module, clip: Tensor) -> int:
    """Return the operations of the forward pass of one clip (1, C, T, V, M) in evaluation, with all its bodies."""
    module.eval()
    with torch.no_grad():
        module(clip)  # derives whitening matrices, which happens once and is no part of a clip's pass
        return operations_and_bytes(lambda: module(clip))[0]


def kept_bytes(module: nn.Module, batch: Batch, workload: Workload) -> int:
    """Return the bytes that a forward pass in training keeps for backward; they are proportional to the clips."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    module.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), workload.numerics():
        F.cross_entropy(module(batch.clips), batch.labels)
    return sum(kept.values())


def free_memory(device: str) -> int:
    """Return the bytes that could be allocated now."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    return proc_bytes("/proc/meminfo").get("MemAvailable") or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def used_memory(device: str) -> tuple[int, int]:
    """Return the bytes in use now and at the peak: allocated on a GPU, resident on a CPU.

    Where the system tells only the peak of this process, that stands for both.
    """
    if device == "cuda":
        torch.cuda.synchronize()
        return torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
    if status := proc_bytes("/proc/self/status"):
        return status["VmRSS"], status["VmHWM"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return peak, peak


def peak_memory(measure: str, candidate: Candidate, workload: Workload) -> int | None:
    """Return the peak memory of a measure in bytes; None if its process was killed for want of memory."""
    if workload.device == "cuda":
        return _growth(measure, candidate, workload)
    with ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), initializer=free_at_once, initargs=(LARGE,)
    ) as pool:
        try:
            return pool.submit(_growth, measure, candidate, workload).result()
        except BrokenProcessPool:
            return None


def _growth(measure: str, candidate: Candidate, workload: Workload) -> int:
    module, batches = candidate.build().to(workload.device), workload.batches()[:1]
    with set_torch_threads(workload.threads):
        first = workload if workload.compile else replace(workload, batch=1)
        timed_call(measure, module, first, first.batches())(0)  # what libraries and compilers allocate once
        module.zero_grad(set_to_none=True)
        call = timed_call(measure, module, workload, batches)
        gc.collect()
        if workload.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        before, _ = used_memory(workload.device)
        for _ in range(CALLS):
            call(0)
        return used_memory(workload.device)[1] - before


def limits(workload: Workload) -> tuple[dict[str, Call], dict[str, int]]:
    """Return calls that use the device at best, a matrix product and a copy, and their operations or bytes.

    On a GPU, products of float32 are in TF32 if the workload's convolutions are. On a CPU they are always in float32,
    since many have no fast product of 16 bits, and written as a 1×1 convolution of 16 images: oneDNN computes that with
    all that a processor has, torch.matmul on AMD's at less than half its speed.
    """
    device = workload.device
    size, numbers = PRODUCT[device], COPY[device] // 4
    dtype = PRECISIONS[workload.precision] if device == "cuda" else torch.float32
    left, right = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
    images, weight = rearrange(left, "(n t) c -> n c t 1", n=IMAGES), right[:, :, None, None]
    source, target = (torch.zeros(numbers, device=device) for _ in range(2))

    def multiply(_: int) -> Tensor:
        if device == "cpu":
            return F.conv2d(images, weight)
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = workload.precision == "tf32"
        try:
            return left @ right
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before

    calls: dict[str, Call] = {"product": multiply, "copy": lambda _: target.copy_(source)}
    return calls, {"product": 2 * size**3, "copy": 2 * COPY[device]}
