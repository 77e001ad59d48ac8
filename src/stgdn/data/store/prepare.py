"""Prepare a store from raw files: every file is read once, on all cores, and can be interrupted."""

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stgdn.data.clip import Clip, ClipError, ClipFile, Reader, Survey, first_of_each_name
from stgdn.data.store.checks import check, expect_metres, remark
from stgdn.data.store.store import Header, Store
from stgdn.data.store.writer import StoreWriter
from stgdn.errors import InputError
from stgdn.skeleton import plain

CHUNK = 16  # files a worker process takes at a time
DUPLICATE_NAME = "another clip has this name and is used, skipped.tsv says where both are"

_reader: Reader  # of a worker process
_scale: float


def prepare(
    reader: Reader,
    folder: str | Path,
    dataset: str,
    *,
    source: str,
    synthetic: bool = False,
    settings: dict[str, Any] | None = None,
    precision: str = "float32",
    scale: float = 1.0,
    workers: int | None = None,
    overwrite: bool = False,
    bad_share: float = 0.2,
) -> Store:
    """Read every clip of a source into the store at `folder`.

    An existing store is returned as it is; an interrupted preparation continues where it stopped. Of several clips of
    one name the first usable one is stored, in the order of the reader's survey; the others are listed as left out.

    Args:
        reader: reads the raw source.
        folder: the folder of the new store.
        dataset: name of the data set.
        source: path of the raw files; stored as information, as are `synthetic` and the reader's `settings`.
        synthetic: the clips are synthetic.
        settings: settings of the reader.
        precision: type of the stored coordinates, `float32` or `float16`.
        scale: factor from the source's unit to metres, 0.001 for millimetres; not used for planar layouts.
        workers: number of processes that parse; None for one a core.
        overwrite: replace an existing store.
        bad_share: the largest share of unusable files that is accepted.
    """
    if (Path(folder) / "store.json").exists() and not overwrite:
        return Store(folder)
    survey = reader.survey()
    header = _header(reader, survey, dataset, source, settings or {})
    header.synthetic, header.precision, header.scale = synthetic or survey.synthetic, precision, float(scale)
    with closing(StoreWriter(folder, header, survey.files)) as writer:
        for name, reason in survey.skipped:
            writer.skip(name, reason)
        bad, files = _write_first_usable(writer, reader, survey.files, workers)
        _expect_enough(writer, bad, files, bad_share)
        expect_metres(writer.first_poses(1000), reader.layout, scale)
        return writer.finish()


def _header(reader: Reader, survey: Survey, dataset: str, source: str, settings: dict[str, Any]) -> Header:
    """Return the header of a store with what reader and source say."""
    return Header(
        dataset,
        plain(reader.layout),
        list(reader.classes),
        reader.max_bodies,
        source,
        expected=survey.expected,
        reader=settings | dict(survey.described),
        protocols={name: asdict(protocol) for name, protocol in survey.protocols.items()},
    )


def _write_first_usable(
    writer: StoreWriter, reader: Reader, files: list[ClipFile], workers: int | None
) -> tuple[int, int]:
    """Store the first usable clip of every name, skip the others; returns the numbers of unusable and of read files."""
    bad = tried = 0
    while files:
        chosen, others = first_of_each_name(files)
        bad += _write_clips(writer, reader, chosen, workers)
        tried += len(chosen)
        for file in others:
            if file.name in writer.stored:
                writer.skip(file.name, DUPLICATE_NAME, f"used: {writer.stored[file.name]}, left out: {file.location}")
        files = [file for file in others if file.name not in writer.stored]
    return bad, tried


def _expect_enough(writer: StoreWriter, bad: int, files: int, bad_share: float) -> None:
    """Check that the writer has clips, and that not too many of the `files` were `bad`.

    Raises:
        InputError: too many, or no usable clip.
    """
    source, skipped = writer.header.source, [entry for entry in writer.entries if "skipped" in entry]
    last = "".join(f" (the last: {entry['name']}, {entry['skipped']})" for entry in skipped[-1:])
    if files and bad / files > bad_share:
        raise InputError(
            f"{bad} of {files} files of {source} cannot be used{last}: check what {writer.write_skipped()} lists, or "
            f"allow more with bad_share={math.ceil(100 * bad / files) / 100}"
        )
    if len(skipped) == len(writer.entries):
        raise InputError(
            f"no clip of {source} can be used{last}: check that it is what data={writer.header.dataset} means; "
            f"{writer.write_skipped()} lists all"
        )


def _write_clips(writer: StoreWriter, reader: Reader, files: list[ClipFile], workers: int | None) -> int:
    """Parse and append all clips that are not stored yet; returns the number of unusable ones."""
    left = [file for file in files if file.name not in writer.stored]
    bad = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(force_jupyter=False)) as progress:  # no widgets in notebooks
        task = progress.add_task(f"reading {writer.header.dataset}", total=len(files), completed=len(files) - len(left))
        for file, clip in _parse(reader, left, workers, writer.header.scale):
            if isinstance(clip, Clip):
                writer.add(clip, file)
            else:
                writer.skip(file.name, clip)
                bad += 1
            progress.advance(task)
    return bad


def _parse(
    reader: Reader, files: list[ClipFile], workers: int | None, scale: float
) -> Iterator[tuple[ClipFile, Clip | str]]:
    """Yield (file, clip), or (file, reason) if the clip cannot be used, in the order of the files."""
    workers = min(workers if workers is not None else available_cores(), -(-len(files) // CHUNK))
    if workers <= 1:
        yield from ((file, read_checked(reader, file, scale)) for file in files)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_set_reader, initargs=(reader, scale)) as pool:
        try:
            with _interrupts_ignored():
                clips = pool.map(_read_here, files, chunksize=CHUNK)
            yield from zip(files, clips, strict=True)
        except BrokenProcessPool:
            raise InputError(
                "a process that parses was killed, perhaps for want of memory: the same command with workers=1 goes on"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _set_reader(reader: Reader, scale: float) -> None:
    """Store the reader in a worker process, so that it is sent once and not with every chunk of files."""
    global _reader, _scale
    _reader, _scale = reader, scale


def _read_here(file: ClipFile) -> Clip | str:
    return read_checked(_reader, file, _scale)


def available_cores() -> int:
    """Return the number of cores that this process may use; on a cluster fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let processes started in the `with` block ignore Ctrl-C, which a terminal sends to all; the parent ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def read_checked(reader: Reader, file: ClipFile, scale: float = 1.0) -> Clip | str:
    """Read and check one clip; returns the reason if it cannot be used."""
    try:
        clip = reader.read(file)
        check(clip, reader)
    except ClipError as error:
        return str(error)
    if scale != 1 and not reader.layout.planar:
        clip.joints = clip.joints * np.float32(scale)
    clip.remark = clip.remark or remark(clip.joints, reader.layout)
    return clip
