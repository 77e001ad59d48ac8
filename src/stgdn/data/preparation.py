"""From raw files to a prepared store: every file once, on all cores, interruptible."""

import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stgdn.data.clip import Clip, ClipError, ClipFile, Reader, valid_runs
from stgdn.data.store import NAME_LENGTH, Header, Store
from stgdn.data.store_writer import StoreWriter
from stgdn.errors import InputError

CHUNK = 16  # files a worker process takes at a time

_reader: Reader  # what a worker process reads with


def prepare(
    reader: Reader,
    folder: str | Path,
    dataset: str,
    *,
    source: str,
    synthetic: bool = False,
    workers: int | None = None,
    overwrite: bool = False,
    bad_share: float = 0.2,
) -> Store:
    """Read every clip of a source into the store at `folder`.

    A store that is there is returned as it is; an interrupted preparation goes on where it stopped.

    Args:
        reader: of the raw source.
        folder: where the store goes.
        dataset: name of the data set.
        source: where the raw files lie, for the record.
        synthetic: the clips show nobody who exists.
        workers: processes that parse; None for one a core.
        overwrite: prepare again although there is a store.
        bad_share: more unusable files than this share of the source is an error.

    Raises:
        InputError: no source, too many bad files, or no usable clip.
    """
    folder = Path(folder)
    if (folder / "store.json").exists() and not overwrite:
        return Store(folder)
    survey = reader.survey()
    header = Header(
        dataset, reader.layout.name, list(reader.classes), reader.max_bodies, source, synthetic, survey.expected
    )
    writer = StoreWriter(folder, header)
    try:
        for name, reason in survey.skipped:
            writer.skip(name, reason)
        bad, files = _write_clips(writer, reader, survey.files, workers), len(survey.files)
        last = "".join(f" (the last: {name}, {reason})" for name, reason in writer.skipped()[-1:])
        if files and bad / files > bad_share:
            raise InputError(
                f"{bad} of {files} files of {source} cannot be used{last}: "
                f"check the source, or allow more with bad_share={math.ceil(100 * bad / files) / 100}"
            )
        if len(writer.skipped()) == len(writer.entries):
            raise InputError(f"no clip of {source} can be used{last}: check that it is what data={dataset} means")
        return writer.finish()
    finally:
        writer.close()


def _write_clips(writer: StoreWriter, reader: Reader, files: list[ClipFile], workers: int | None) -> int:
    """Parse and append all clips that are not there yet; returns how many are unusable."""
    left = [file for file in files if file.name not in writer.done]
    bad = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task(f"reading {writer.header.dataset}", total=len(files), completed=len(files) - len(left))
        for file, clip in _parse(reader, left, workers):
            if isinstance(clip, Clip):
                writer.add(clip)
            else:
                writer.skip(file.name, clip)
                bad += 1
            progress.advance(task)
    return bad


def _parse(reader: Reader, files: list[ClipFile], workers: int | None) -> Iterator[tuple[ClipFile, Clip | str]]:
    """Clips, or the reasons why not, in the order of the files."""
    workers = min(workers if workers is not None else available_cores(), -(-len(files) // CHUNK))
    if workers <= 1:
        yield from ((file, read_checked(reader, file)) for file in files)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_take, initargs=(reader,)) as pool:
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


def _take(reader: Reader) -> None:
    """Keep the reader in a worker process: it may be large, so it is sent once and not with every chunk of files."""
    global _reader
    _reader = reader


def _read_here(file: ClipFile) -> Clip | str:
    return read_checked(_reader, file)


def available_cores() -> int:
    """Cores that this process may use, which on a cluster are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes started in here ignore Ctrl-C, which a terminal sends to all of them: the first one ends the others."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def read_checked(reader: Reader, file: ClipFile) -> Clip | str:
    """Read one clip and check what every store relies on; returns the reason if it cannot be used."""
    try:
        clip = reader.read(file)
        check(clip, reader)
    except ClipError as error:
        return str(error)
    return clip


def check(clip: Clip, reader: Reader) -> None:
    """Check name, shape, joints, label and values of a clip.

    Raises:
        ClipError: saying what is wrong.
    """
    if clip.joints.ndim != 4:
        raise ClipError(f"an array of {clip.joints.ndim} axes, expected bodies, frames, joints, coordinates")
    M, T, V, C = clip.joints.shape
    if (reader.layout.num_joints, reader.layout.channels) != (V, C):
        raise ClipError(
            f"{V} joints with {C} numbers, layout {reader.layout.name} has {reader.layout.num_joints} "
            f"with {reader.layout.channels}"
        )
    if len(clip.name) > NAME_LENGTH:
        raise ClipError(f"a name of more than {NAME_LENGTH} characters")
    if not 0 <= clip.label < len(reader.classes):
        raise ClipError(f"label {clip.label} is outside the {len(reader.classes)} classes")
    if clip.present.shape != (M, T) or not clip.present[: reader.max_bodies].any():
        raise ClipError("nobody in any frame")
    lengths = [frames for _, frames in valid_runs(clip.present)]
    if lengths != clip.present.sum(axis=1).tolist() or not lengths[0]:
        raise ClipError("a body with gaps, or no first body")
    if not np.isfinite(clip.joints).all():
        raise ClipError("NaN or infinite joints")
