"""Speed of parsing and feeding clips, beside plain loops (`plain`) and a copy in memory."""

import os
from pathlib import Path

import numpy as np

from stgdn.benchmark.clips import synthetic_store
from stgdn.benchmark.plain import plain_batch, plain_parse
from stgdn.benchmark.timing import interleaved, machine, table, threads
from stgdn.data.batches.settings import ClipSettings
from stgdn.data.batches.transforms import batch
from stgdn.data.readers.ntu import ntu_text
from stgdn.data.readers.ntu.ntu_reader import NTUReader
from stgdn.data.store.prepare import available_cores, prepare
from stgdn.data.store.store import Store
from stgdn.data.synthetic.demo_set import write_demo

BATCH = 64
CHOICES = 100  # batches of other clips
COPIES = 8  # of every file that is prepared: enough to do for processes that take seconds to start
TRAINING = ClipSettings(frames=64, sampling="resize", crop=0.5, rotate=(15, 30, 15))
WHOLE = ClipSettings(frames=300, sampling="loop")
SUBJECTS = (1, 2, 3, 6)  # of the synthetic people whose files are parsed
ACTIONS = {"one body": 23, "two bodies": 58}
HEADINGS = ("one core", "this repository", "beside it", "ratio")

Row = tuple[str, str, str, str]


def feeding(folder: Path, clips: int, rounds: int) -> str:
    """Measure in a folder that is empty; returns the table as Markdown.

    Args:
        folder: where stores and files are made.
        clips: in the store that batches are made of.
        rounds: of each measurement.
    """
    with threads(1):
        store, half = (synthetic_store(folder / name, clips, name) for name in ("float32", "float16"))
        rows = [*_batches(store, half, rounds), *_parsing(folder / "parsing", rounds), *_preparation(folder)]
    return f"{machine()}. {rounds} rounds.\n\n{table(HEADINGS, rows)}"


def _batches(store: Store, half: Store, rounds: int) -> list[Row]:
    """Batches of random clips: for training from both stores beside plain loops, whole clips beside a copy too."""
    rng = np.random.default_rng(1)
    chosen, draws = rng.choice(len(store), (CHOICES, BATCH)), rng.random((CHOICES, BATCH, 6))
    training = interleaved(
        {
            "fast": lambda n: batch(store, chosen[n % CHOICES], TRAINING, draws[n % CHOICES]),
            "half": lambda n: batch(half, chosen[n % CHOICES], TRAINING, draws[n % CHOICES]),
            "plain": lambda n: plain_batch(store, chosen[n % CHOICES], TRAINING, draws[n % CHOICES]),
        },
        rounds,
    )
    ready = batch(store, chosen[0], WHOLE)
    whole = interleaved(
        {
            "fast": lambda n: batch(store, chosen[n % CHOICES], WHOLE),
            "copy": lambda _: ready.copy("K"),
            "plain": lambda n: plain_batch(store, chosen[n % CHOICES], WHOLE, None),
        },
        rounds,
    )
    title = f"training batch, {BATCH} clips of {TRAINING.frames} frames, crop, resize, turn"
    whole_title = f"batch of {BATCH} clips of {WHOLE.frames} frames, repeated"
    return [
        _row(title, training, "fast", "plain", BATCH, "clips"),
        _row(f"{title}, from 16 bits", training, "half", "plain", BATCH, "clips"),
        _row(whole_title, whole, "fast", "plain", BATCH, "clips"),
        _row(f"{whole_title}, beside a copy of it", whole, "fast", "copy", BATCH, "clips"),
    ]


def _row(what: str, seconds: dict[str, float], ours: str, other: str, count: int, unit: str) -> Row:
    fast, slow = (f"{count / seconds[name]:,.0f} {unit}/s ({1e3 * seconds[name]:,.2f} ms)" for name in (ours, other))
    return what, fast, slow, f"{seconds[other] / seconds[ours]:.2f}"


def _parsing(folder: Path, rounds: int) -> list[Row]:
    """Parsing one file after another of an action done alone, and of one done by two people."""
    rows = []
    for bodies, action in ACTIONS.items():
        source = folder / f"{action}"
        write_demo(source, subjects=SUBJECTS, replications=1, actions=(action,))
        texts = [path.read_bytes() for path in sorted(source.glob("*.skeleton"))]
        seconds = interleaved(
            {
                "fast": lambda n, texts=texts: ntu_text.parse(texts[n % len(texts)]),
                "plain": lambda n, texts=texts: plain_parse(texts[n % len(texts)].decode()),
            },
            rounds,
        )
        size = sum(map(len, texts)) / len(texts) / 1e6
        rows.append(_row(f"parsing `.skeleton` text, {bodies}, {size:.2f} MB", seconds, "fast", "plain", 1, "files"))
    return rows


def _preparation(folder: Path) -> list[Row]:
    """Files to a store, reading, denoising and writing included, on one core and on all."""
    raw, cores = folder / "raw", available_cores()
    written = write_demo(raw, subjects=SUBJECTS, replications=1)
    for path in list(raw.glob("*.skeleton")):
        for number in range(2, COPIES + 1):
            os.link(path, path.with_name(path.name.replace("R001", f"R{number:03}")))
    reader = NTUReader(raw)

    def prepared(workers: int, number: int) -> Store:
        return prepare(reader, folder / f"prepared{workers}-{number}", "demo", source="demo", workers=workers)

    seconds = interleaved({"all": lambda n: prepared(cores, n), "one": lambda n: prepared(1, n)}, 1)
    files = written * COPIES
    return [_row(f"`prepare` on {files} files, {cores} cores beside one", seconds, "all", "one", files, "files")]
