"""Cost of a store of NTU RGB+D 120's size: disk, time to open, memory of processes that share it, random access."""

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from stgdn.benchmark.clips import synthetic_store
from stgdn.benchmark.feeding import BATCH, TRAINING
from stgdn.benchmark.timing import interleaved, machine, table
from stgdn.data.batches.transforms import batch
from stgdn.data.store.store import Store
from stgdn.errors import InputError

PATIENCE = 600  # seconds that a process waits for the others

_barrier: Barrier  # where a process waits for the others


class Reading(NamedTuple):
    """Measurements of one process: seconds for its batches and again; megabytes resident, its share, its own."""

    first: float
    again: float
    rss: float
    pss: float
    anonymous: float


def scale(folder: Path, clips: int, precision: str, workers: int, rounds: int) -> str:
    """Make a store in a folder that is empty, measure it, and return the figures as a Markdown table.

    Args:
        folder: where the store is made.
        clips: in the store.
        precision: of its coordinates.
        workers: processes that read it at once.
        rounds: batches that each process makes.

    Raises:
        InputError: the machine is not a Linux machine.
    """
    if not Path("/proc/self/smaps_rollup").exists():
        raise InputError("what=scale reads memory figures from /proc, as Linux has it: run it there")
    begun = time.perf_counter()
    store = synthetic_store(folder / "scale", clips, precision)
    written = time.perf_counter() - begun
    sizes = {path.name: path.stat().st_size for path in store.folder.iterdir()}
    frames, bodies = store.clips["length"].mean(), (store.clips["frames"] > 0).sum(axis=1).mean()
    place = store.folder
    del store  # pages that somebody maps stay in the cache
    opening = interleaved({"open": lambda _: Store(place)}, 9)["open"]
    alone, fetched = _cold(place, rounds)
    each = Reading(*np.mean(_read_together(place, workers, rounds), axis=0).tolist())
    found = [
        ("clips, frames a clip, bodies a clip", f"{clips:,}, {frames:.1f}, {bodies:.2f}"),
        ("coordinates, index", f"{sizes['coordinates.bin'] / 1e9:.2f} GB, {sizes['clips.npy'] / 1e6:.1f} MB"),
        ("the same padded to 300 frames, 2 bodies, float32", f"{clips * 2 * 300 * 300 / 1e9:.1f} GB"),
        ("writing, with making clips up", f"{written:.0f} s"),
        ("opening", f"{1e3 * opening:.0f} ms"),
        (f"random batches of {BATCH}, one process, empty page cache", _rate(alone.first, rounds)),
        ("read from the disk meanwhile", fetched),
        ("the same batches again, warm page cache", _rate(alone.again, rounds)),
        (f"{workers} processes at once, each", _rate(each.again, rounds)),
        ("resident memory of each (RSS)", f"{each.rss:.0f} MB"),
        ("its share where pages are shared (PSS)", f"{each.pss:.0f} MB"),
        ("of that no file's (anonymous), its own alone", f"{each.anonymous:.0f} MB"),
    ]
    return f"{machine()}. Coordinates in {precision}, {rounds} batches a process.\n\n{table(('what', 'figure'), found)}"


def _rate(seconds: float, rounds: int) -> str:
    return f"{BATCH * rounds / seconds:,.0f} clips/s"


def _cold(folder: Path, rounds: int) -> tuple[Reading, str]:
    """Read after emptying the page cache of the coordinates; also how much came from the disk."""
    path = folder / "coordinates.bin"
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)
    before = _sectors_read(path)
    (reading,) = _read_together(folder, 1, rounds)
    after = _sectors_read(path)
    return reading, "unknown" if before is None or after is None else f"{(after - before) * 512 / 1e6:,.0f} MB"


def _sectors_read(path: Path) -> int | None:
    """512-byte sectors that the disk of a file has read since the machine started; None if it does not say."""
    device = path.stat().st_dev
    statistics = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    return int(statistics.read_text().split()[2]) if statistics.exists() else None


def _read_together(folder: Path, workers: int, rounds: int) -> list[Reading]:
    """Measure several processes that read the store at the same time.

    Raises:
        InputError: one of them was killed.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_meet, initargs=(context.Barrier(workers),)) as pool:
        try:
            return list(pool.map(_read, [folder] * workers, range(workers), [rounds] * workers))
        except BrokenProcessPool:
            raise InputError("a process that reads was killed, perhaps for want of memory: try workers=1") from None


def _meet(barrier: Barrier) -> None:
    """Keep in a process what all of them wait at, so that each takes one task and all begin together."""
    global _barrier
    _barrier = barrier


def _read(folder: Path, number: int, rounds: int) -> Reading:
    """Make batches of random clips twice, wait until all processes have, and report."""
    torch.set_num_threads(1)  # as in the processes of a DataLoader
    store, rng = Store(folder), np.random.default_rng(number)
    chosen, draws = rng.choice(len(store), (rounds, BATCH)), rng.random((rounds, BATCH, 6))
    seconds = []
    for _ in range(2):
        _barrier.wait(PATIENCE)
        begun = time.perf_counter()
        for n in range(rounds):
            batch(store, chosen[n], TRAINING, draws[n])
        seconds.append(time.perf_counter() - begun)
    _barrier.wait(PATIENCE)
    memory = _memory()
    _barrier.wait(PATIENCE)
    return Reading(seconds[0], seconds[1], memory["Rss"], memory["Pss"], memory["Anonymous"])


def _memory() -> dict[str, float]:
    """Megabytes of this process by kind, as Linux counts them."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) * 1024 / 1e6 for line in lines}
