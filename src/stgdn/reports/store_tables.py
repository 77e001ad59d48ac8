"""Contents of a store as tables for a terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from stgdn.data.store.checks import MAX_BONE
from stgdn.data.store.contents import Contents, Histogram

BLOCKS = " ▁▂▃▄▅▆▇█"
LISTED = 30  # classes; of more, those with the fewest and the most clips
WIDTH = 110
NOTHING = "–"


def print_contents(contents: Contents, console: Console | None = None) -> None:
    """Print tables of general properties, of classes, of coordinates, and of joints and bones."""
    console = console or Console(width=WIDTH, markup=False, emoji=False, highlight=False)  # names stay as they are
    title = f"{contents.dataset}: {'synthetic, shows nobody who exists' if contents.synthetic else 'not synthetic'}"
    properties = Table(show_header=False, title=title, title_style="bold")
    for name, value in _properties(contents):
        properties.add_row(name, value)
    for table in (properties, _classes(contents), _axes(contents), _joints(contents)):
        console.print(table)


def _properties(contents: Contents) -> list[tuple[str, str]]:
    """Return (name, value) of all properties that fit in one line."""
    lengths, planar = contents.lengths, contents.planar
    scaled = "" if contents.scale == 1 else f", times {contents.scale:g}"
    joints = f"{len(contents.joints)} joints of layout {contents.layout}, {'in the picture' if planar else 'in metres'}"
    properties = [
        ("source", f"{contents.source}{scaled}"),
        ("store", f"{contents.folder}: {contents.megabytes:,.1f} MB, {contents.precision}"),
        ("skeleton", joints),
        ("clips", f"{contents.clips:,} of {len(contents.classes)} classes, {contents.frames:,} frames"),
        ("split", split_sentence(contents)),
        *((name, _values(getattr(contents, name))) for name in ("subjects", "cameras", "setups")),
        (
            "frames of a clip",
            f"{lengths.shortest:,} to {lengths.longest:,}, mean {lengths.mean:,.1f}, median {lengths.median:,.0f}, "
            f"95 % up to {lengths.percentile_95:,.0f}",
        ),
        ("", sparkline(lengths.histogram)),
        ("clips by their bodies", _tally(contents.bodies)),
        ("frames by bodies seen", _tally(contents.seen)),
        ("frames with a body missing", f"{contents.body_missing:,} ({contents.body_missing / contents.frames:.2%})"),
        ("joints at exactly zero", _missing(contents)),
        ("longest bone", _longest_bone(contents)),
        ("height along the bones", _length(contents.height, planar)),
    ]
    if contents.stretched is not None:
        properties.append((f"clips with bones over {MAX_BONE:g} m", f"{contents.stretched:,}"))
    properties += [("left out", f"{count:,}: {reason}") for reason, count in contents.skipped.items()]
    properties += [("kept although odd", f"{count:,}: {reason}") for reason, count in contents.remarks.items()]
    return properties + [("note", note) for note in contents.notes]


def split_sentence(contents: Contents) -> str:
    """Return a sentence with the numbers of training and test clips, here and in the official split."""
    if "train" not in contents.split:
        return f"{contents.protocol} does not fit" if contents.protocol else "no protocol"
    counts = f"{contents.protocol}: {contents.split['train']:,} training and {contents.split['test']:,} test clips"
    if contents.official is None:
        return counts
    if contents.official == contents.split:
        return f"{counts}, as officially"
    return f"{counts}, officially {contents.official['train']:,} and {contents.official['test']:,}"


def sparkline(histogram: Histogram) -> str:
    """Return a histogram, summed over its groups, as text with one block per bar; an empty bar is a space."""
    counts = [sum(bar) for bar in zip(*histogram.counts.values(), strict=True)]
    top = max(counts, default=0)
    return "".join(BLOCKS[-(-count * (len(BLOCKS) - 1) // top)] if count else BLOCKS[0] for count in counts)


def _values(clips: Mapping[int, int]) -> str:
    """Return the ranges of the values and the number of clips of each value."""
    known = sorted(value for value in clips if value >= 0)
    if not known:
        return "none"
    starts = [value for value in known if value - 1 not in clips]
    ends = [value for value in known if value + 1 not in clips]
    ranges = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in zip(starts, ends, strict=True))
    low, high = min(clips[value] for value in known), max(clips[value] for value in known)
    between = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    unknown = f", {clips[-1]:,} clips without" if -1 in clips else ""
    return f"{len(known)} ({ranges}), {between} clips each{unknown}"


def _tally(counts: Mapping[int, int]) -> str:
    """Return the count and the share of each number of bodies."""
    whole = sum(counts.values())
    return ", ".join(f"{bodies}: {count:,} ({count / whole:.1%})" for bodies, count in counts.items())


def _missing(contents: Contents) -> str:
    shares = [joint.missing for joint in contents.joints]
    if not any(shares):
        return "none"
    worst = max(contents.joints, key=lambda joint: joint.missing)
    return f"{sum(shares) / len(shares):.2%} of all, most often {worst.name} ({worst.missing:.2%})"


def _longest_bone(contents: Contents) -> str:
    seen = [joint for joint in contents.joints if joint.longest is not None and joint.parent is not None]
    if not seen:
        return NOTHING
    worst = max(seen, key=lambda joint: joint.longest or 0)
    parent = contents.joints[worst.parent or 0].name
    return f"{_length(worst.longest, contents.planar)}, {worst.name} to {parent} in {worst.clip}"


def _length(value: float | None, planar: bool) -> str:
    return NOTHING if value is None else f"{value:.3f} of the picture" if planar else f"{value:.2f} m"


def _classes(contents: Contents) -> Table:
    """Return a table of clips of each class by split, in two blocks side by side."""
    numbers = list(range(len(contents.classes)))
    title = "clips of each class"
    if len(numbers) > LISTED:
        totals = [sum(counts) for counts in zip(*contents.per_class.values(), strict=True)]
        ordered = sorted(numbers, key=lambda label: (totals[label], label))
        numbers = ordered[: LISTED // 2] + ordered[-LISTED // 2 :]
        title = f"the {LISTED // 2} classes with the fewest clips (left) and the {LISTED // 2} with the most"
    half = -(-len(numbers) // 2)
    blocks = (numbers[:half], numbers[half:])
    table = Table(title=title, title_style="bold")
    for _ in blocks:
        table.add_column("label", justify="right")
        table.add_column("class", max_width=28, no_wrap=True)
        for split in contents.per_class:
            table.add_column(split, justify="right")
    for row in range(half):
        cells: list[str] = []
        for block in blocks:
            label = block[row] if row < len(block) else None
            if label is None:
                cells += [""] * (2 + len(contents.per_class))
            else:
                counts = (f"{clips[label]:,}" for clips in contents.per_class.values())
                cells += [str(label), contents.classes[label], *counts]
        table.add_row(*cells)
    return table


def _axes(contents: Contents) -> Table:
    sampled = "" if contents.sampled == contents.rows else f" (percentiles from {contents.sampled:,} bodies)"
    table = Table(title=f"coordinates{sampled}", title_style="bold")
    table.add_column("axis")
    for heading in ("lowest", "1 %", "median", "99 %", "highest"):
        table.add_column(heading, justify="right")
    table.add_column("from 0.1 % to 99.9 %")
    for axis in contents.axes:
        values = (axis.lowest, axis.percentile_1, axis.median, axis.percentile_99, axis.highest)
        cells = (NOTHING if value is None else f"{value:.3f}" for value in values)
        table.add_row(axis.name, *cells, sparkline(axis.histogram))
    return table


def _joints(contents: Contents) -> Table:
    unit = "of the picture" if contents.planar else "m"
    table = Table(title="joints and bones", title_style="bold")
    for heading in ("", "joint", "at zero", "bone to", f"median, {unit}", f"longest, {unit}", "longest in"):
        table.add_column(heading, justify="left" if heading in ("joint", "bone to", "longest in") else "right")
    for number, joint in enumerate(contents.joints):
        parent = NOTHING if joint.parent is None else contents.joints[joint.parent].name
        lengths = (NOTHING if value is None else f"{value:.3f}" for value in (joint.bone, joint.longest))
        table.add_row(str(number), joint.name, f"{joint.missing:.2%}", parent, *lengths, joint.clip or NOTHING)
    return table
