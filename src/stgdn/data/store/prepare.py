"""Prepare a store from raw files: every file is read once, on all cores, and can be interrupted."""

import math
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stgdn.data.clip import Clip, ClipFile, Reader, Survey, first_of_each_name
from stgdn.data.store.checks import expect_metres
from stgdn.data.store.parse import parse
from stgdn.data.store.store import Header, Store
from stgdn.data.store.writer import StoreWriter
from stgdn.errors import InputError
from stgdn.skeleton import plain

DUPLICATE_NAME = "another clip has this name and is used, skipped.tsv says where both are"


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
        for file, clip in parse(reader, left, workers, writer.header.scale):
            if isinstance(clip, Clip):
                writer.add(clip, file)
            else:
                writer.skip(file.name, clip)
                bad += 1
            progress.advance(task)
    return bad
