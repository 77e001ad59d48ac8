"""Remedies against over-smoothing, in networks of several depths and in several networks, as grids of results."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from stgdn.reports.findings.variants import (
    REMEDIES,
    by_seed,
    family,
    has_own_blocks,
    is_plain,
    layers,
    remedy,
    spread,
    training_text,
    whitened,
)
from stgdn.reports.tables.cells import NOTHING, spread_text
from stgdn.runs.result import Result

PLUGGED_IN = tuple(name for name in REMEDIES if name != "pair_norm")
NAMES = {"none": "nothing", "node": "joints whitened", "frame": "frames whitened", "channel": "channels whitened"}
NAMES |= {"node+frame": "joints and frames whitened", "pair_norm": "PairNorm"}


@dataclass(frozen=True)
class Grid:
    """Hold results that were trained alike, in rows and columns."""

    cells: dict[tuple[str, str], list[Result]]

    @property
    def rows(self) -> list[str]:
        """Return the names of the rows in order."""
        return list(dict.fromkeys(row for row, _ in self.cells))

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns, in the order in which they first occur."""
        return list(dict.fromkeys(column for _, column in self.cells))

    @property
    def first(self) -> Result:
        """Return one of the results."""
        return next(iter(self.cells.values()))[0]

    @property
    def results(self) -> list[Result]:
        """Return all results."""
        return [result for results in self.cells.values() for result in results]

    def values(self, row: str, column: str, measure: str) -> dict[int, float]:
        """Return a measure by seed."""
        return by_seed(self.cells.get((row, column), []), measure)

    def change(self, row: str, columns: Sequence[str]) -> dict[int, float]:
        """Return by how much top-1 is higher in the second column than in the first, by seed."""
        before, after = (self.values(row, column, "top1") for column in columns)
        return {seed: after[seed] - before[seed] for seed in before if seed in after}

    def caption(self) -> str:
        """Return the data, the stream and the training."""
        text = f"{self.first.data}, {self.first.stream}: {training_text(self.first)}"
        return f"{text}, one seed each" if self.has_one_seed else text

    @property
    def has_one_seed(self) -> bool:
        """Return True if no cell has several seeds."""
        return all(len({result.seed for result in results}) == 1 for results in self.cells.values())


def depth_grid(groups: Iterable[Sequence[Result]]) -> Grid | None:
    """Return remedies (rows) by numbers of layers (columns), of the group with most of them; None without any."""
    families = ([result for result in group if family(result) == name] for group in groups for name in _families(group))
    grids = (_grid(results, remedy, lambda result: str(layers(result))) for results in families)
    deep = [_rows_with_several(Grid(dict(sorted(grid.cells.items(), key=_depth_order)))) for grid in grids]
    return max((grid for grid in deep if grid.cells), key=lambda grid: len(grid.results), default=None)


def plugin_grid(groups: Iterable[Sequence[Result]]) -> Grid | None:
    """Return networks (rows) by what is whitened (columns), of the group with most of them; None without any."""
    grids = (_grid(_plugged_in(group), _network, remedy) for group in groups)
    filled = [_rows_with_several(Grid(dict(sorted(grid.cells.items(), key=_plugin_order)))) for grid in grids]
    return max((grid for grid in filled if grid.cells), key=lambda grid: len(grid.results), default=None)


def _plugged_in(group: Sequence[Result]) -> list[Result]:
    """Return the results of networks that were run with `model.whiten` in front of their own blocks."""
    networks = {result.model for result in group if whitened(result) not in (None, "none")}
    own = [result for result in group if has_own_blocks(result)]
    return [result for result in own if result.model in networks and remedy(result) in PLUGGED_IN]


def _network(result: Result) -> str:
    return result.model


def _families(group: Sequence[Result]) -> list[str]:
    return sorted({name for name in map(family, group) if name is not None})


def _grid(results: Iterable[Result], row: Callable[[Result], str | None], column: Callable[..., str | None]) -> Grid:
    cells: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        place = row(result), column(result)
        if is_plain(result) and place[0] is not None and place[1] is not None:
            cells.setdefault((place[0], place[1]), []).append(result)
    return Grid(cells)


def _depth_order(entry: tuple[tuple[str, str], list[Result]]) -> tuple[int, int]:
    (name, depth), _ = entry
    return REMEDIES.index(name), int(depth)


def _plugin_order(entry: tuple[tuple[str, str], list[Result]]) -> tuple[str, int]:
    (name, whitened), _ = entry
    return name, REMEDIES.index(whitened)


def _rows_with_several(grid: Grid) -> Grid:
    """Return the grid without the rows that have one column only."""
    counts = [row for row, _ in grid.cells]
    return Grid({place: results for place, results in grid.cells.items() if counts.count(place[0]) > 1})


def depth_table(grid: Grid) -> list[list[str]]:
    """Return the rows of the table of depths, the heading first: top-1, and its change between the last two depths.

    These are the two deepest that every row has.
    """
    depths = sorted(grid.columns, key=int)
    common = [depth for depth in depths if all((row, depth) in grid.cells for row in grid.rows)]
    ends = tuple((common if len(common) > 1 else depths)[-2:])
    table = [["against over-smoothing", *(f"{depth} layers" for depth in depths), f"from {ends[0]} to {ends[1]}"]]
    marked = not grid.has_one_seed
    for row in grid.rows:
        cells = [_cell(grid.values(row, depth, "top1"), marked) for depth in depths]
        table.append([NAMES[row], *cells, _cell(grid.change(row, ends), marked, "+")])
    return table


def plugin_table(grid: Grid) -> list[list[str]]:
    """Return the rows of the plug-in table, the heading first: top-1, and the gain over nothing whitened."""
    columns = sorted(grid.columns, key=REMEDIES.index)
    table = [["network", *(f"`{column}`" for column in columns)]]
    for row in grid.rows:
        cells = []
        for column in columns:
            values = grid.values(row, column, "top1")
            gain = grid.change(row, ("none", column)) if column != "none" else {}
            more = f" ({_cell(gain, len(gain) < len(values), '+')})" if gain else ""
            cells.append(_cell(values, not grid.has_one_seed) + more)
        table.append([f"`{row}`", *cells])
    return table


def _cell(values: dict[int, float], marked: bool, sign: str = "") -> str:
    """Return mean and deviation; if `marked`, a single seed is said to be one."""
    return (spread_text(spread(values), sign) or NOTHING) + (" (one seed)" if marked and len(values) == 1 else "")
