"""Goals of this repository beside measured figures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stgdn.benchmark.records import Record, seconds
from stgdn.benchmark.timing import table


@dataclass(frozen=True)
class Target:
    """A ratio of two rows of the same record.

    Attributes:
        row: the network.
        against: the network that it is measured against.
        figure: a measure, or `memory`, the peak of a training step.
        faster: whether the ratio is how many times as fast, at least `limit`; else it is what part of the time or
            memory, at most `limit`.
        limit: where networks run on the CPU, or anywhere if no speed is asked for.
        compiled: the limit for a GPU, bf16 and compiled; None: as `limit` for parts, none for speeds.
    """

    row: str
    against: str
    figure: str
    faster: bool
    limit: float
    compiled: float | None = None

    def applies(self, record: Record) -> float | None:
        """The limit for a record; None if it has none."""
        if not self.faster or record["device"] == "cpu":
            return self.limit
        return self.compiled if record["compile"] and record["precision"] == "bf16" else None

    def measured(self, record: Record) -> float | None:
        """The ratio; None if it was not measured."""
        if self.figure == "memory":
            return _memory(record, self.row, self.against)
        own, other = (seconds(record, name, self.figure) for name in (self.row, self.against))
        if own is None or other is None:
            return None
        return float(np.median(other / own if self.faster else own / other))

    def cells(self, records: Sequence[Record]) -> list[str]:
        """A row of the table."""
        what = {"step": "training step", "memory": "peak memory of a training step", "inference": "inference"}
        gpu = f" ({self.compiled:g} on a GPU in bf16, compiled)" if self.compiled else ""
        return [
            f"`{self.row}`, {what[self.figure]}",
            self.against,
            f"{'at least' if self.faster else 'at most'} {self.limit:g} ×{gpu}",
            *(self._judged(record) for record in records),
        ]

    def _judged(self, record: Record) -> str:
        ratio, limit = self.measured(record), self.applies(record)
        if ratio is None:
            return "–"
        if limit is None:
            return f"{ratio:.4g}"
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
    """The table of targets, one column a record; empty where no record has what is compared."""
    records = [record for record in records if record["clip_shape"][1] in FRAMES and not record["overrides"]]
    kept = [target for target in TARGETS if any(target.measured(record) is not None for record in records)]
    if not kept:
        return []
    columns = [
        f"T = {record['clip_shape'][1]}, {record['device']}, {record['precision']}{', compiled' * record['compile']}"
        for record in records
    ]
    rows = [target.cells(records) for target in kept]
    return [f"Targets:\n\n{table(['what', 'against', 'target', *columns], rows)}"]


def _memory(record: Record, row: str, against: str) -> float | None:
    peaks = [record["rows"].get(name, {}).get("measures", {}).get("step", {}).get("memory") for name in (row, against)]
    return None if None in peaks else peaks[0] / peaks[1]
