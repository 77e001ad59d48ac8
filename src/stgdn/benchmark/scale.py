"""Cost of a store of NTU RGB+D 120's size: disk, time to open, memory of processes that share it, random access."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import torch

from stgdn.benchmark.feeding import BATCH, TRAINING
from stgdn.benchmark.synthetic_clips import synthetic_store
from stgdn.benchmark.timing import machine, median_seconds, proc_bytes, stopwatch, table
from stgdn.data.batches.transforms import batch
from stgdn.data.store.store import Store
from stgdn.errors import InputError

PATIENCE = 600  # seconds that a process waits for the others
MEMORY = "/proc/self/smaps_rollup"

_barrier: Barrier  # at which all processes wait before they begin


def scale(folder: Path, clips: int, precision: str, workers: int, rounds: int) -> str:
    """Return a Markdown table of what a new store of so many clips costs.

    Args:
        folder: an empty folder in which the store is made.
        clips: number of clips in the store.
        precision: type of its coordinates.
        workers: number of processes that read it at once.
        rounds: batches that each process makes.

    Raises:
        InputError: the system is not Linux, or a process was killed.
    """
    if not Path(MEMORY).exists():
        raise InputError("what=scale reads memory figures from /proc, as Linux has it: run it there")
    place = folder / "scale"
    writing = stopwatch(lambda: synthetic_store(place, clips, precision))
    coordinates, index = (path.stat().st_size for path in (place / "coordinates.bin", place / "clips.npy"))
    opening = median_seconds({"open": lambda _: Store(place)}, 9)["open"]
    empty_page_cache(place / "coordinates.bin")
    before = disk_bytes_read(place)
    single = _read_at_once(place, 1, rounds)
    fetched = "unknown" if before is None else f"{((disk_bytes_read(place) or before) - before) / 1e6:,.0f} MB"
    each = _read_at_once(place, workers, rounds)
    store = Store(place)
    frames, bodies = store.clips["length"].mean(), (store.clips["frames"] > 0).sum(axis=1).mean()
    found = [
        ("clips, frames a clip, bodies a clip", f"{clips:,}, {frames:.1f}, {bodies:.2f}"),
        ("coordinates, index", f"{coordinates / 1e9:.2f} GB, {index / 1e6:.1f} MB"),
        ("the same padded to 300 frames, 2 bodies, float32", f"{clips * 2 * 300 * 300 / 1e9:.1f} GB"),
        ("writing, with making clips up", f"{writing:.0f} s"),
        ("opening", f"{1e3 * opening:.0f} ms"),
        (f"random batches of {BATCH}, one process, empty page cache", f"{single['first']:,.0f} clips/s"),
        ("read from the disk meanwhile", fetched),
        ("the same batches again, warm page cache", f"{single['again']:,.0f} clips/s"),
        (f"{workers} processes at once, each", f"{each['again']:,.0f} clips/s"),
        ("resident memory of each (RSS)", f"{each['Rss'] / 1e6:.0f} MB"),
        ("its share where pages are shared (PSS)", f"{each['Pss'] / 1e6:.0f} MB"),
        ("of that no file's (anonymous), its own alone", f"{each['Anonymous'] / 1e6:.0f} MB"),
    ]
    return f"{machine()}. Coordinates in {precision}, {rounds} batches a process.\n\n{table(('what', 'figure'), found)}"


def empty_page_cache(path: Path) -> None:
    """Remove a file from the page cache; pages that a process has mapped stay."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


def disk_bytes_read(path: Path) -> int | None:
    """Return what the disk of a file has read since the machine started; None if the system does not tell."""
    device = path.stat().st_dev
    statistics = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    return int(statistics.read_text().split()[2]) * 512 if statistics.exists() else None


def _read_at_once(folder: Path, workers: int, rounds: int) -> dict[str, float]:
    """Return clips a second and memory in bytes, means of several processes that read the store at the same time."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_set_barrier, initargs=(context.Barrier(workers),)) as pool:
        try:
            found = list(pool.map(_read, [folder] * workers, range(workers), [rounds] * workers))
        except BrokenProcessPool:
            raise InputError("a process that reads was killed, perhaps for want of memory: try workers=1") from None
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def _set_barrier(barrier: Barrier) -> None:
    """Keep in a process what all of them wait at, so that each takes one task and all begin together."""
    global _barrier
    _barrier = barrier


def _read(folder: Path, seed: int, rounds: int) -> dict[str, float]:
    """Make batches of random clips twice, each time with all processes; return clips a second and memory in bytes."""
    torch.set_num_threads(1)  # as in the processes of a DataLoader
    store, rng = Store(folder), np.random.default_rng(seed)
    chosen, numbers = rng.choice(len(store), (rounds, BATCH)), rng.random((rounds, BATCH, 6))

    def read() -> None:
        for indices, row in zip(chosen, numbers, strict=True):
            batch(store, indices, TRAINING, row)

    found = {}
    for time in ("first", "again"):
        _barrier.wait(PATIENCE)
        found[time] = BATCH * rounds / stopwatch(read)
    _barrier.wait(PATIENCE)
    found |= proc_bytes(MEMORY)
    _barrier.wait(PATIENCE)
    return found
