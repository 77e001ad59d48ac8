"""Measure training steps that are fed from a store, as in a run: reading, augmenting, moving and computing."""

import itertools
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

from torch.utils.benchmark import timer

from stgdn.allocator import keep_what_a_step_needs
from stgdn.benchmark.candidates import Candidate
from stgdn.benchmark.synthetic_clips import synthetic_store
from stgdn.benchmark.tables import EPOCH, speed
from stgdn.benchmark.timing import machine, table
from stgdn.benchmark.workload import Batch, Workload, training_step
from stgdn.data.batches.datamodule import SkeletonData
from stgdn.data.batches.settings import ClipSettings

WARM_UP = 10  # steps that are not counted: compilers and workers start
EPOCHS = 50  # of the letter's recipe
PROTOCOL = "ntu120_xsub"  # half of the synthetic clips train


def training(folder: Path, clips: int, candidate: Candidate, workload: Workload, steps: int, workers: int) -> str:
    """Return a Markdown table of the seconds of so many training steps, and what an NTU-60 run would take by them.

    Args:
        folder: an empty folder in which the store is made.
        clips: number of synthetic clips in the store.
        candidate: the network.
        workload: its clips and how it is run.
        steps: number of steps that are timed.
        workers: processes that make batches.
    """
    settings = ClipSettings(frames=workload.clip_shape[1], sampling="crop_resize", crop=0.5, rotate=(15, 30, 15))
    keep_what_a_step_needs()  # as training does
    store = synthetic_store(folder / "store", clips)
    data = SkeletonData(store, PROTOCOL, settings, batch_size=workload.batch, workers=workers)
    module = candidate.build().to(workload.device).train()
    step = training_step(module, workload.compiled(module), workload)
    batches = endless_batches(data, workload)
    for _ in range(WARM_UP):
        step(next(batches))
    begin, waited = timer(), 0.0  # PyTorch's timer waits for a GPU, which steps do not
    for _ in range(steps):
        asked = perf_counter()
        batch = next(batches)
        waited += perf_counter() - asked
        step(batch)
    seconds = timer() - begin
    rate = steps * workload.batch / seconds
    found = [
        ("seconds", f"{seconds:.1f}"),
        ("clips/s", f"{rate:,.1f}"),
        ("of it waiting for batches", f"{waited / seconds:.0%}"),
        (f"{EPOCHS} epochs of {EPOCH:,} clips, extrapolated", f"{EPOCHS * EPOCH / rate / 60:,.0f} min"),
    ]
    title = (
        f"**{candidate.name}, {steps} training steps, T = {workload.clip_shape[1]}, batches of {workload.batch}, "
        f"{speed(asdict(workload))}, {workload.device}.** {clips:,} synthetic clips, {workers} worker processes. "
        f"{machine(workload.device)}."
    )
    return f"{title}\n\n{table(('what', 'figure'), found)}"


def endless_batches(data: SkeletonData, workload: Workload) -> Iterator[Batch]:
    """Yield training batches on the workload's device, epoch after epoch; there are more labels than it has classes."""
    loader = data.train_dataloader()
    loader.pin_memory = workload.device == "cuda"
    for batch in itertools.chain.from_iterable(itertools.repeat(loader)):
        clips, labels = (batch[key].to(workload.device, non_blocking=True) for key in ("clips", "labels"))
        yield Batch(clips, labels % workload.classes)
