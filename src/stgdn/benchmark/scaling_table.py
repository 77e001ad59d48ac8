"""Growth of cost, as Markdown."""

from stgdn.benchmark.network_tables import NAMES, NONE, count
from stgdn.benchmark.records import Record, quartiles
from stgdn.benchmark.timing import table

SYMBOLS = {"frames": "T", "batch": "N", "joints": "V"}


def scaling_table(record: Record) -> str:
    """A table for every kind of size: milliseconds at each size, and the exponent that fits them."""
    how = f"{record['precision']}{', compiled' * record['compile']}"
    where = f"{how}, {record['device']}, {count(record['threads'], 'thread')}"
    title = f"{NAMES[record['kind']].capitalize()}, {where}. {record['machine']}. {count(record['rounds'], 'round')}."
    parts = [_axis(record, name) for name in record["axes"]]
    return "\n\n".join([title, *parts, *record["left_out"], f"`{record['command']}`"])


def _axis(record: Record, name: str) -> str:
    sizes = record["axes"][name]
    rows = []
    for row, axes in record["rows"].items():
        curve = axes[name]
        taken = dict(zip(curve["sizes"], curve["seconds"], strict=True))
        cells = [f"{1e3 * quartiles(taken[size])[0]:,.1f}" if size in taken else NONE for size in sizes]
        rows.append([row, *cells, NONE if curve["exponent"] is None else f"{curve['exponent']:.2f}"])
    headings = [f"ms, {record['fixed'][name]}", *(f"{SYMBOLS[name]} = {size}" for size in sizes), "exponent"]
    return table(headings, rows)
