"""Read clips from `.csv`: a row for each frame and body, columns with the names of the joints."""

import csv
import io
import math
import re
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError, ClipFile
from stgdn.data.readers.custom.recording import (
    METADATA_KEYS,
    MOST_BYTES,
    MOST_FRAMES,
    MOST_NUMBERS,
    Body,
    Metadata,
    Recording,
    expect_size,
    hint,
    quoted,
)
from stgdn.data.readers.raw_files import read_bytes
from stgdn.skeleton import Layout

MOST_LINE = 1 << 20  # characters
MOST_ROWS = 10 * MOST_FRAMES


def read_table_rows(content: bytes) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Return the first line of a table with commas or tabs, and its rows with their line numbers.

    Empty lines and those that begin with `#` are left out.

    Raises:
        ClipError: not UTF-8 text, more than `MOST_LINE` characters in a line, quotes that do not end, or, while rows
            are read, a row of another length than the first line.
    """
    rows = _rows(content)
    head = next(rows, (1, []))[1]

    def equally_long() -> Iterator[tuple[int, list[str]]]:
        for line, row in rows:
            if len(row) != len(head):
                raise ClipError(f"line {line} has {len(row)} cells, the first line has {len(head)}")
            yield line, row

    return [name.strip() for name in head], equally_long()


def _rows(content: bytes) -> Iterator[tuple[int, list[str]]]:
    text = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")

    def lines() -> Iterator[str]:
        while line := text.readline(MOST_LINE + 1):
            if len(line) > MOST_LINE:
                raise ClipError(f"has a line of more than {MOST_LINE:,} characters")
            yield "\n" if line.startswith("#") else line

    head = next((line for line in content[:MOST_LINE].splitlines() if line.strip() and not line.startswith(b"#")), b"")
    reader = csv.reader(lines(), delimiter="\t" if b"\t" in head and b"," not in head else ",")
    try:
        yield from ((reader.line_num, row) for row in reader if row)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ClipError(f"is no UTF-8 text with commas: {quoted(error)}") from error


def labelled_bodies(path: Path) -> list[str]:
    """Return the bodies of a table, in its order, if several have labels of their own; else []."""
    with path.open("rb") as file:
        start = file.read(MOST_LINE)
    if b"body" not in start or b"label" not in start:
        return []
    labels: dict[str, set[str]] = {}
    try:
        head, rows = read_table_rows(read_bytes(ClipFile("", str(path)), MOST_BYTES))
        if {"body", "label"} <= set(head):
            for _, row in rows:
                labels.setdefault(row[head.index("body")].strip(), set()).add(row[head.index("label")].strip())
    except ClipError:
        return []  # whoever reads the clip is told
    single = all(len(found) == 1 for found in labels.values())
    return list(labels) if single and len(set().union(*labels.values())) > 1 else []


def read_csv(content: bytes, layout: Layout, body: str | None = None) -> Recording:
    """Read columns `JOINT_x`, `JOINT_y`, `JOINT_z` (not in the picture), and optionally `JOINT_confidence`.

    Columns `frame`, `body` and `METADATA_KEYS` are optional, others are ignored. An empty cell is a missing number.
    Without `body`, rows of one frame are people who have to be followed; the argument chooses the rows of one body.

    Raises:
        ClipError: not UTF-8 text, a column is missing or occurs twice, a row of another length, a cell that is no
            number, a body twice in a frame, or too large for a clip.
    """
    head, rows = read_table_rows(content)
    columns = _column_index(head)
    joint_columns = _joint_columns(columns, layout)
    named = {name: columns[name] for name in ("frame", "body", *METADATA_KEYS) if name in columns}
    numbers, words = array("d"), {name: list[str]() for name in named}
    count = 0
    for line, row in rows:
        if body is not None and row[columns["body"]].strip() != body:
            continue
        count += 1
        numbers.extend(_numbers([row[column] for column in joint_columns], line))
        for name, column in named.items():
            words[name].append(row[column].strip())
        if count > MOST_ROWS or len(numbers) > MOST_NUMBERS:
            raise ClipError(f"has more than {MOST_ROWS:,} rows or {MOST_NUMBERS:,} numbers")
    if not count:
        raise ClipError("no frame")
    values = np.array(numbers, np.float64).reshape(count, layout.num_joints, -1)
    D = 2 if layout.planar else 3
    confidence = values[..., D] if values.shape[-1] > D else np.ones(values.shape[:2])
    bodies = _bodies(words, values[..., :D], confidence)
    tracked = "body" in words or bool((np.diff(bodies[0].frames) > 0).all())
    return Recording(bodies, _metadata(words), timed="frame" in words, tracked=tracked)


def _column_index(head: list[str]) -> dict[str, int]:
    """Return the index of each column by name."""
    if not any(head):
        raise ClipError("is empty")
    if len(head) == 1 and ";" in head[0]:
        raise ClipError("has columns separated by semicolons, expected commas")
    columns: dict[str, int] = {}
    for column, name in enumerate(head):
        if name and columns.setdefault(name, column) != column:
            raise ClipError(f"has column {quoted(name)} twice")
    return columns


def _joint_columns(columns: Mapping[str, int], layout: Layout) -> list[int]:
    """Return the column indices of the joints: V times x, y, z and perhaps confidence."""
    axes = ["x", "y"] if layout.planar else ["x", "y", "z"]
    if any(f"{joint}_confidence" in columns for joint in layout.joints):
        axes.append("confidence")
    names = [f"{joint}_{axis}" for joint in layout.joints for axis in axes]
    if missing := [name for name in names if name not in columns]:
        raise ClipError(f"has no column {quoted(missing[0])}{hint(missing[0], columns)}")
    return [columns[name] for name in names]


def _numbers(cells: list[str], line: int) -> list[float]:
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return [_number(cell, line) if cell.strip() else math.nan for cell in cells]


def _number(cell: str, line: int) -> float:
    try:
        return float(cell)
    except ValueError:
        raise ClipError(f"line {line} has {quoted(cell)} where a number belongs") from None


def _bodies(
    words: dict[str, list[str]], coordinates: NDArray[np.float64], confidence: NDArray[np.float64]
) -> list[Body]:
    """Split rows (R, V, D) by body, each sorted by frame."""
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(words.get("body", [""] * len(coordinates))):
        rows_of.setdefault(name, []).append(row)
    bodies = []
    for rows in rows_of.values():
        frames = np.arange(len(rows))
        if "frame" in words:
            frames = np.array([_frame(words["frame"][row]) for row in rows])
        _, people = np.unique(frames, return_counts=True)
        expect_size(max(len(rows_of), people.max()), len(people))
        order = np.argsort(frames, kind="stable")
        frames, chosen = frames[order], np.array(rows)[order]
        if people.max() > 1 and "body" in words:
            raise ClipError(f"has frame {frames[1:][np.diff(frames) == 0][0]} twice")
        bodies.append(Body(frames, coordinates[chosen], confidence[chosen]))
    return bodies


def _frame(cell: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}(\.0*)?", cell):
        raise ClipError(f"has {quoted(cell)} in column 'frame', which is not a whole number")
    return int(cell.partition(".")[0])


def _metadata(words: dict[str, list[str]]) -> Metadata:
    """Return the metadata columns, which have the same value in every row."""
    metadata: Metadata = {}
    for key in METADATA_KEYS:
        found = sorted({cell for cell in words.get(key, ()) if cell})
        if len(found) > 1:
            raise ClipError(f"has {quoted(found[0])} and {quoted(found[1])} in column '{key}', a clip has one")
        if found:
            metadata[key] = found[0]
    return metadata
