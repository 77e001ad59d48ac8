"""The figures of networks as Markdown."""

from collections.abc import Sequence

import numpy as np

from stgdn.benchmark.records import Record, quartiles, seconds, times_as_fast
from stgdn.benchmark.targets import targets
from stgdn.benchmark.timing import table

EPOCH = 40_091  # training clips of NTU RGB+D 60 cross-subject, before the missing skeletons are left out: 40,320 - 229
NAMES = {
    "forward": "forward",
    "backward": "forward and backward",
    "step": "training step",
    "inference": "inference",
}
NONE = "–"


def page(records: Sequence[Record]) -> str:
    """All records one after the other, and the targets."""
    return "\n\n".join([*map(section, records), *targets(records)])


def section(record: Record) -> str:
    """One record: where and how it was taken, speed and memory, and what the device was used for."""
    title = f"**{headline(record)}.** {circumstances(record)}"
    return "\n\n".join([title, _speed(record), _use(record), f"`{record['command']}`"])


def headline(record: Record) -> str:
    """Return what distinguishes a record from others."""
    device = "GPU" if record["device"] == "cuda" else f"CPU, {count(record['threads'], 'thread')}"
    compiled = ", compiled" if record["compile"] else ""
    return f"T = {record['clip_shape'][1]}, batches of {record['batch']}, {record['precision']}{compiled}, {device}"


def circumstances(record: Record) -> str:
    """Clips, machine, rounds."""
    commit = f", commit {record['commit']}" if record["commit"] else ""
    return (
        f"Clips (C, T, V, M) = {tuple(record['clip_shape'])}, {record['pairs']:.0%} with all bodies. "
        f"{record['machine']}{commit}. Medians of {count(record['rounds'], 'round')}, quartiles in brackets."
    )


def count(number: int, what: str) -> str:
    """`1 round`, `2 rounds`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _speed(record: Record) -> str:
    """A row for each network: size, clips a second in every measure, ratio to the baseline, memory."""
    headings = ["network", "parameters", "GFLOP a clip"]
    for kind in record["kinds"]:
        headings += [f"{NAMES[kind]}, clips/s", f"× {record['baseline']}"]
        if _has_memory(record, kind):
            headings.append(f"MiB, {NAMES[kind]}")
    if "step" in record["kinds"]:
        headings.append(f"epoch of {EPOCH:,} clips")
    return table(headings, [_speed_row(record, row) for row in record["rows"]])


def _speed_row(record: Record, row: str) -> list[str]:
    found = record["rows"][row]
    cells = [row, f"{found['parameters']:,}", f"{found['flop_a_clip'] / 1e9:.2f}"]
    for kind in record["kinds"]:
        rate = record["batch"] / seconds(record, row, kind)  # pyright: ignore[reportOperatorIssue, reportOptionalOperand]
        ratio = times_as_fast(record, row, record["baseline"], kind)
        cells += [spread(rate), NONE if ratio is None else spread(ratio)]
        if _has_memory(record, kind):
            peak = found["measures"][kind]["memory"]
            cells.append(NONE if peak is None else f"{peak / 2**20:,.0f}")
    if "step" in record["kinds"]:
        each = np.median(seconds(record, row, "step")) / record["batch"]  # pyright: ignore[reportCallIssue, reportArgumentType]
        cells.append(duration(EPOCH * float(each)))
    return cells


def _has_memory(record: Record, kind: str) -> bool:
    return any(found["measures"][kind]["memory"] is not None for found in record["rows"].values())


def _use(record: Record) -> str:
    """Return the shares of the device's best product and copy that the networks reach."""
    limits = {name: limit["amount"] / np.median(limit["seconds"]) for name, limit in record["limits"].items()}
    headings = ["network"]
    for kind in record["kinds"]:
        headings += [f"{NAMES[kind]}, GFLOP/s", f"{NAMES[kind]}, GB/s"]
    rows = []
    for row, found in record["rows"].items():
        cells = [row]
        for kind in record["kinds"]:
            measured = found["measures"][kind]
            for amount, limit in (("flop", "product"), ("bytes", "copy")):
                rate = measured[amount] / np.median(measured["seconds"])
                cells.append(f"{significant(rate / 1e9)} ({rate / limits[limit]:.0%})")
        rows.append(cells)
    product, copy = (significant(limits[name] / 1e9) for name in ("product", "copy"))
    best = f"a matrix product {product} GFLOP/s, a copy {copy} GB/s"
    return f"Of what this device did at best in the same rounds ({best}):\n\n{table(headings, rows)}"


def spread(values: np.ndarray) -> str:
    """Median and quartiles, `1.52 (1.49-1.55)`."""
    median, lower, upper = map(significant, quartiles(values))
    return f"{median} ({lower}-{upper})"


def significant(number: float) -> str:
    """At least three digits."""
    return f"{number:,.{2 if number < 10 else 1 if number < 100 else 0}f}"


def duration(taken: float) -> str:
    """Seconds for people."""
    if taken < 120:
        return f"{taken:.0f} s"
    return f"{taken / 60:.0f} min" if taken < 7200 else f"{taken / 3600:.1f} h"
