"""Results of networks as Markdown, beside the targets of this repository."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stgdn.benchmark.timing import table

Record = dict[str, Any]

EPOCH = 40_091  # training clips of NTU RGB+D 60 cross-subject, before the missing skeletons are left out: 40,320 - 229
NAMES = {
    "forward": "forward",
    "backward": "forward and backward",
    "step": "training step",
    "inference": "inference",
    "memory": "peak memory of a training step",
}
NONE = "–"
SYMBOLS = {"frames": "T", "batch": "N", "joints": "V"}


def seconds(record: Record, row: str, measure: str) -> np.ndarray:
    """Return the seconds of a measure in every round, (rounds,)."""
    return np.array(record["rows"][row]["measures"][measure]["seconds"])


def quartiles(values: np.ndarray) -> tuple[float, float, float]:
    """Return the median, the lower and the upper quartile."""
    lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return median, lower, upper


def networks_page(records: Sequence[Record]) -> str:
    """Return the tables of all records one after the other, and the targets."""
    return "\n\n".join([*map(_network_tables, records), *targets(records)])


def headline(record: Record) -> str:
    """Return what distinguishes a record from others."""
    device = "GPU" if record["device"] == "cuda" else f"CPU, {_count(record['threads'], 'thread')}"
    return f"T = {record['clip_shape'][1]}, batches of {record['batch']}, {speed(record)}, {device}"


def speed(record: Record) -> str:
    """Return the precision, and whether networks were compiled."""
    mode = f" ({record['compile']})" if isinstance(record["compile"], str) else ""
    return f"{record['precision']}{f', compiled{mode}' if record['compile'] else ''}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _network_tables(record: Record) -> str:
    """Return where and how one record was measured, speed and memory, and what the device was used for."""
    commit = f", commit {record['commit']}" if record["commit"] else ""
    title = (
        f"**{headline(record)}.** Clips (C, T, V, M) = {tuple(record['clip_shape'])}, {record['pairs']:.0%} with all "
        f"bodies. {record['machine']}{commit}. Medians of {_count(record['rounds'], 'round')}, quartiles in brackets."
    )
    return "\n\n".join([title, _speed_table(record), _use_table(record), f"`{record['command']}`"])


def _speed_table(record: Record) -> str:
    """Return a row for each network: size, clips a second in every measure, ratio to the baseline, memory."""
    rows, remembered = record["rows"], measures_with_memory(record)
    sizes = [(f"{row['parameters']:,}", f"{row['flop_a_clip'] / 1e9:.2f}") for row in rows.values()]
    headings, cells = ["network", "parameters", "GFLOP a clip"], [list(rows), *zip(*sizes, strict=True)]
    for measure in record["kinds"]:
        taken, baseline = [seconds(record, row, measure) for row in rows], seconds(record, record["baseline"], measure)
        headings += [f"{NAMES[measure]}, clips/s", f"× {record['baseline']}"]
        cells += [[_spread(record["batch"] / each) for each in taken], [_spread(baseline / each) for each in taken]]
        if measure in remembered:
            peaks = [row["measures"][measure]["memory"] for row in rows.values()]
            headings.append(f"MiB, {NAMES[measure]}")
            cells.append([NONE if peak is None else f"{peak / 2**20:,.0f}" for peak in peaks])
    if "step" in record["kinds"]:
        medians = [float(np.median(seconds(record, row, "step"))) for row in rows]
        headings.append(f"epoch of {EPOCH:,} clips")
        cells.append([_duration(EPOCH * median / record["batch"]) for median in medians])
    return table(headings, zip(*cells, strict=True))


def measures_with_memory(record: Record) -> list[str]:
    """Return the measures of which peak memory was measured."""
    found = [row["measures"] for row in record["rows"].values()]
    return [kind for kind in record["kinds"] if any(measures[kind]["memory"] is not None for measures in found)]


def _use_table(record: Record) -> str:
    """Return the shares of the device's best product and copy that the networks reach."""
    best = {name: limit["amount"] / np.median(limit["seconds"]) / 1e9 for name, limit in record["limits"].items()}
    headings, cells = ["network"], [list(record["rows"])]
    for measure in record["kinds"]:
        found = [row["measures"][measure] for row in record["rows"].values()]
        for amount, unit, limit in (("flop", "GFLOP/s", "product"), ("bytes", "GB/s", "copy")):
            rates = [each[amount] / np.median(each["seconds"]) / 1e9 for each in found]
            headings.append(f"{NAMES[measure]}, {unit}")
            cells.append([f"{_digits(rate)} ({rate / best[limit]:.0%})" for rate in rates])
    title = f"a matrix product {_digits(best['product'])} GFLOP/s, a copy {_digits(best['copy'])} GB/s"
    rows = table(headings, zip(*cells, strict=True))
    return f"Of what this device did at best in the same rounds ({title}):\n\n{rows}"


def _spread(values: np.ndarray) -> str:
    """Return the median and the quartiles, `1.52 (1.49-1.55)`."""
    median, lower, upper = map(_digits, quartiles(values))
    return f"{median} ({lower}-{upper})"


def _digits(number: float) -> str:
    """Return at least three digits."""
    return f"{number:,.{2 if number < 10 else 1 if number < 100 else 0}f}"


def _duration(taken: float) -> str:
    if taken < 120:
        return f"{taken:.0f} s"
    return f"{taken / 60:.0f} min" if taken < 7200 else f"{taken / 3600:.1f} h"


def scaling_tables(record: Record) -> str:
    """Return a table for every kind of size: milliseconds at each size, and the exponent that fits them."""
    where = f"{speed(record)}, {record['device']}, {_count(record['threads'], 'thread')}"
    title = f"{NAMES[record['kind']].capitalize()}, {where}. {record['machine']}. {_count(record['rounds'], 'round')}."
    axes = [_scaling_table(record, axis, sizes) for axis, sizes in record["axes"].items()]
    return "\n\n".join([title, *axes, *record["left_out"], f"`{record['command']}`"])


def _scaling_table(record: Record, axis: str, sizes: Sequence[int]) -> str:
    rows = []
    for name, curves in record["rows"].items():
        taken, fitted = dict(zip(curves[axis]["sizes"], curves[axis]["seconds"], strict=True)), curves[axis]["exponent"]
        cells = [f"{1e3 * np.median(taken[size]):,.1f}" if size in taken else NONE for size in sizes]
        rows.append([name, *cells, NONE if fitted is None else f"{fitted:.2f}"])
    headings = [f"ms, {fixed_sizes(record, axis)}", *(f"{SYMBOLS[axis]} = {size}" for size in sizes), "exponent"]
    return table(headings, rows)


def fixed_sizes(record: Record, axis: str) -> str:
    """Return the sizes that are not changed, `N = 4, V = 25`."""
    sizes = {"frames": record["clip_shape"][1], "batch": record["batch"], "joints": record["clip_shape"][2]}
    return ", ".join(f"{SYMBOLS[other]} = {size}" for other, size in sizes.items() if other != axis)


class Target(NamedTuple):
    """A limit of a ratio of two networks in the same record."""

    row: str
    against: str
    what: str  # a measure, or `memory`, the peak of a training step
    faster: bool  # how many times as fast, at least `limit`; else the part of the time or memory, at most `limit`
    limit: float  # on a CPU, or anywhere if no speed is asked for
    compiled: float | None = None  # the limit of a speed on a GPU in bf16, compiled

    def ratio(self, record: Record) -> float | None:
        """Return the ratio in a record; None if it was not measured."""
        measure, amount = ("step", "memory") if self.what == "memory" else (self.what, "seconds")
        found = [record["rows"].get(name, {}).get("measures", {}).get(measure, {}) for name in (self.row, self.against)]
        own, other = (np.array(each.get(amount) or np.nan, dtype=float) for each in found)
        ratio = float(np.median(other / own if self.faster else own / other))
        return None if np.isnan(ratio) else ratio

    def judged(self, record: Record) -> str:
        """Return the ratio, and whether it is within the limit if there is one for the record's device."""
        ratio, limit = self.ratio(record), self.limit
        if self.faster and record["device"] != "cpu":
            limit = self.compiled if record["compile"] and record["precision"] == "bf16" else None
        if ratio is None or limit is None:
            return NONE if ratio is None else f"{ratio:.4g}"
        return f"{ratio:.4g}, {'met' if (ratio >= limit if self.faster else ratio <= limit) else 'not met'}"


FRAMES = (64, 300)  # T for which targets are set; and for whole networks, as conf/model has them
TARGETS = (
    Target("agcn", "literal agcn", "step", True, 1.5, 3),
    Target("st_gdn", "literal agcn", "step", True, 2),
    Target("st_gdn2", "agcn_7l", "step", False, 1.08),
    Target("st_gdn", "agcn_7l", "step", False, 1.12),
    Target("st_gdn_t", "agcn_7l", "step", False, 1.25),
    Target("st_gdn2", "agcn_7l", "inference", False, 1.01),
    Target("st_gdn", "st_gdn without whitening", "inference", False, 1.05),
    Target("agcn", "literal agcn", "memory", False, 0.7),
)


def targets(records: Sequence[Record]) -> list[str]:
    """Return the table of targets, one column a record; nothing where no record has what is compared."""
    records = [record for record in records if record["clip_shape"][1] in FRAMES and not record["overrides"]]
    columns = [
        f"T = {one['clip_shape'][1]}, {one['device']}, {speed(one)}, {one['pairs']:.0%} with all bodies"
        for one in records
    ]
    rows = []
    for target in TARGETS:
        if any(target.ratio(record) is not None for record in records):
            gpu = f" ({target.compiled:g} on a GPU in bf16, compiled)" if target.compiled else ""
            limit = f"{'at least' if target.faster else 'at most'} {target.limit:g} ×{gpu}"
            judged = [target.judged(record) for record in records]
            rows.append([f"`{target.row}`, {NAMES[target.what]}", target.against, limit, *judged])
    return [f"Targets:\n\n{table(['what', 'against', 'target', *columns], rows)}"] if rows else []
