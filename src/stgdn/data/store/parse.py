"""Read and check clips, in one process or in several. A worker process imports this module and the reader's."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import ModuleType

import numpy as np

from stgdn.data.clip import Clip, ClipError, ClipFile, Reader
from stgdn.data.store.checks import check, remark
from stgdn.errors import InputError

CHUNK = 32  # files a worker process takes at a time

_reader: Reader  # of a worker process
_scale: float


def parse(
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
            with _interrupts_ignored(), _lean_start(reader):
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


@contextmanager
def _lean_start(reader: Reader) -> Iterator[None]:
    """Let processes started in the `with` block leave out the program that runs here, which each of them would import.

    For a command that is Hydra and more. A reader that the program itself defines needs it.
    """
    program = sys.modules["__main__"]
    if b"__main__" not in pickle.dumps(reader):
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


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
