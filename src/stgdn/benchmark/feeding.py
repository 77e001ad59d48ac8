"""Speed of parsing and feeding clips, beside plain loops (`plain`) and a copy in memory."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch.utils.benchmark import set_torch_threads

from stgdn.benchmark.plain import plain_batch, plain_parse
from stgdn.benchmark.synthetic_clips import synthetic_store
from stgdn.benchmark.timing import machine, median_seconds, stopwatch, table
from stgdn.data.batches.settings import ClipSettings
from stgdn.data.batches.transforms import batch
from stgdn.data.readers.ntu import ntu_text
from stgdn.data.readers.ntu.ntu_reader import NTUReader
from stgdn.data.store.parse import available_cores
from stgdn.data.store.prepare import prepare
from stgdn.data.synthetic.demo_set import write_demo

BATCH = 64
CHOICES = 100  # batches of other clips
COPIES = 60  # of every file that is prepared: 10,080, beside which the start of processes takes little
TRAINING = ClipSettings(frames=64, sampling="resize", crop=0.5, rotate=(15, 30, 15))
WHOLE = ClipSettings(frames=300, sampling="loop")
SUBJECTS = (1, 2, 3, 6)  # of the synthetic people whose files are parsed
ACTIONS = {"one body": 23, "two bodies": 58}

Row = tuple[str, str, str, str]


def feeding(folder: Path, clips: int, rounds: int) -> str:
    """Return a Markdown table of speeds on one core; batches are of a store of `clips` clips in the empty `folder`."""
    with set_torch_threads(1):
        rows = [*_batches(folder, clips, rounds), *_parsing(folder / "parsing", rounds), _preparation(folder)]
    return f"{machine()}. {rounds} rounds.\n\n{table(('one core', 'this repository', 'beside it', 'ratio'), rows)}"


def _row(what: str, seconds: float, seconds_beside: float, count: int, unit: str) -> Row:
    cells = [f"{count / each:,.0f} {unit}/s ({1e3 * each:,.2f} ms)" for each in (seconds, seconds_beside)]
    return what, cells[0], cells[1], f"{seconds_beside / seconds:.2f}"


def _batches(folder: Path, clips: int, rounds: int) -> Iterator[Row]:
    """Measure batches of random clips: for training from stores of 32 and of 16 bits, and whole clips."""
    store, half = (synthetic_store(folder / precision, clips, precision) for precision in ("float32", "float16"))
    rng = np.random.default_rng(1)
    chosen, numbers = rng.choice(len(store), (CHOICES, BATCH)), rng.random((CHOICES, BATCH, 6))
    copied = batch(store, chosen[0], WHOLE)
    calls = {
        "training": lambda n: batch(store, chosen[n % CHOICES], TRAINING, numbers[n % CHOICES]),
        "training, 16 bits": lambda n: batch(half, chosen[n % CHOICES], TRAINING, numbers[n % CHOICES]),
        "training, plain": lambda n: plain_batch(store, chosen[n % CHOICES], TRAINING, numbers[n % CHOICES]),
        "whole": lambda n: batch(store, chosen[n % CHOICES], WHOLE),
        "whole, plain": lambda n: plain_batch(store, chosen[n % CHOICES], WHOLE, None),
        "copy": lambda _: copied.copy("K"),
    }
    seconds = median_seconds(calls, rounds)
    training = f"training batch, {BATCH} clips of {TRAINING.frames} frames, crop, resize, turn"
    whole = f"batch of {BATCH} clips of {WHOLE.frames} frames, repeated"
    for title, fast, beside in (
        (training, "training", "training, plain"),
        (f"{training}, from 16 bits", "training, 16 bits", "training, plain"),
        (whole, "whole", "whole, plain"),
        (f"{whole}, beside a copy of it", "whole", "copy"),
    ):
        yield _row(title, seconds[fast], seconds[beside], BATCH, "clips")


def _parsing(folder: Path, rounds: int) -> Iterator[Row]:
    """Measure parsing of one file after another, of an action done alone and of one done by two people."""
    for bodies, action in ACTIONS.items():
        write_demo(folder / str(action), subjects=SUBJECTS, replications=1, actions=(action,))
        texts = [path.read_bytes() for path in sorted((folder / str(action)).glob("*.skeleton"))]
        calls = {
            "fast": lambda n, texts=texts: ntu_text.parse(texts[n % len(texts)]),
            "plain": lambda n, texts=texts: plain_parse(texts[n % len(texts)].decode()),
        }
        seconds = median_seconds(calls, rounds)
        title = f"parsing `.skeleton` text, {bodies}, {np.mean([len(text) for text in texts]) / 1e6:.2f} MB"
        yield _row(title, seconds["fast"], seconds["plain"], 1, "files")


def _preparation(folder: Path) -> Row:
    """Measure files to a store, reading, denoising and writing included, on all cores and on one."""
    raw, cores = folder / "raw", available_cores()
    files = COPIES * write_demo(raw, subjects=SUBJECTS, replications=1)
    for path in list(raw.glob("*.skeleton")):
        for number in range(2, COPIES + 1):
            os.link(path, path.with_name(path.name.replace("R001", f"R{number:03}")))
    reader = NTUReader(raw)

    def seconds(workers: int, name: str) -> float:
        return stopwatch(lambda: prepare(reader, folder / name, "demo", source="demo", workers=workers))

    title = f"`prepare` on {files} files, {cores} cores beside one"
    return _row(title, seconds(cores, "on all"), seconds(1, "on one"), files, "files")
