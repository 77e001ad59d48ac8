"""One table over all data sets: network and stream, ours beside published, under one recipe a set."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from stgdn.data.batches.settings import STREAMS
from stgdn.inference.stream_weights import rank
from stgdn.reports.findings.variants import BLOCK_OPTION, label, training_text
from stgdn.reports.tables.cells import NOTHING, OTHER_RECIPE, Column, mean_class, seeds, signed, top1
from stgdn.reports.tables.comparison import RowKey, Runs, standard_protocol
from stgdn.reports.tables.letter import ABLATION
from stgdn.reports.tables.published import PublishedValue, published_values, values_of
from stgdn.reports.tables.rows import Comparison, Row
from stgdn.rounding import fixed
from stgdn.runs.commands import merge_sweeps, without_neutral
from stgdn.runs.result import Result

ALL_STREAMS = "+".join(STREAMS)
FOUR = "4 streams"  # what published figures call them
BEST = "best"  # the key of the best published figure of a row
NETWORKS = ("st_gcn", *ABLATION, "ctr_gcn")  # in the order of the table


def headline(runs: Runs) -> Comparison:
    """Build the table: for each data set the recipe by which most networks and streams were run.

    Of recipes with as many, it is the one with more epochs. A network with other blocks or whitening has a row of
    its own. Rows by other recipes are counted below the table.
    """
    rows, notes = [], []
    for data, keys in groupby(sorted(runs, key=_order), key=lambda key: key[0]):
        row_keys = list(keys)
        recipe = main_recipe(runs, row_keys)
        chosen = [results for key in row_keys for results in _networks(runs[key], recipe)]
        rows += [_row(results) for results in chosen]
        others = sum(len(runs[key]) for key in row_keys) - len(chosen)
        more = f"; rows by other recipes that are left out here: {others}" if others else ""
        notes.append(f"{data}: {training_text(chosen[0][0])}{more}.")
    if any(OTHER_RECIPE in (difference(row) or "") for row in rows):
        notes.append(f"{OTHER_RECIPE} The published figure was got by another recipe than the run.")
    return Comparison("headline", "Ours beside published", tuple(rows), tuple(notes))


def main_recipe(runs: Runs, row_keys: Sequence[RowKey]) -> str:
    """Return the recipe by which most of the rows were run, of several the one with most epochs, then most seeds.

    Recipes that change the networks are taken only where there is no other.
    """

    def order(recipe: str) -> tuple[int, int, int]:
        found = [runs[key][recipe] for key in row_keys if recipe in runs[key]]
        return len(found), max(results[0].epochs for results in found), sum(map(len, found))

    recipes = list(dict.fromkeys(recipe for key in row_keys for recipe in runs[key]))
    return max([recipe for recipe in recipes if "+model." not in recipe] or recipes, key=order)


def _networks(recipes: Mapping[str, tuple[Result, ...]], recipe: str) -> Iterator[tuple[Result, ...]]:
    """Yield the results by a recipe, then those of other blocks or whitening that were trained alike."""
    training = BLOCK_OPTION.sub("", recipe)
    for name in sorted(recipes, key=lambda name: (name != recipe, name)):
        first = recipes[name][0]
        if name == recipe or (BLOCK_OPTION.sub("", name) == training and label(first) != first.model):
            yield recipes[name]


def _order(key: RowKey) -> tuple[object, ...]:
    data, model, stream = key
    network = NETWORKS.index(model) if model in NETWORKS else len(NETWORKS)
    return data, stream.count("+"), rank(stream), network, model


def _row(results: tuple[Result, ...]) -> Row:
    data, stream, network = results[0].data, results[0].stream, label(results[0])
    published = dict[str, PublishedValue]()
    if standard_protocol(results[0]):
        published = {metric: value for metric, value in values_of(network, data, stream).items() if metric == "top1"}
        best = best_published(data, stream)
        published |= {} if best is None else {BEST: best}
    return Row(data, results[0].synthetic, network, stream, "run", results, published)


def best_published(data: str, stream: str) -> PublishedValue | None:
    """Return the highest top-1 that is published for a stream, or for as many streams; None without any."""
    called = {stream} if stream != ALL_STREAMS else {stream, FOUR, "4 or more streams"}
    found = [value for value in published_values() if (value.data, value.metric) == (data, "top1")]
    return max((value for value in found if value.stream in called), key=lambda value: value.value, default=None)


def difference(row: Row) -> str | None:
    """Return the difference to the published figure of the same network, marked if its recipe was another one."""
    ours = row.difference("top1")
    if ours is None:
        return None
    return signed(ours) + ("" if row.published["top1"].recipe == row.recipe else f" {OTHER_RECIPE}")


def row_commands(table: Comparison, row: Row) -> str:
    """Return the commands of a row without what is this machine's; of a fusion the rows that it adds the scores of."""
    if not row.origin:
        listed = merge_sweeps(map(without_neutral, row.commands))
        return "; ".join(f"`{command}`" for command in listed) or "its command was not kept"
    parts = [
        str(number)
        for number, other in enumerate(table.rows, 1)
        if _network(other) == _network(row) and other.stream in row.stream.split("+")
    ]
    return f"the class scores of rows {', '.join(parts)} added, by the weights of `python src/fuse.py`"


def _network(row: Row) -> tuple[str | None, ...]:
    """Return what the rows of a network have in common over streams; its name in the table may be another one's too."""
    return row.data, row.first and row.first.model, row.recipe


def headline_columns(table: Comparison) -> list[Column]:
    """Return the columns of the table; published values are followed by the letter of their source."""
    letters = table.references

    def published(row: Row, metric: str) -> str | None:
        value = row.published.get(metric)
        if value is None:
            return None
        method = f"{value.method} " if metric == BEST else ""
        return f"{method}{fixed(value.value)} [{letters[value.reference]}]"

    return [
        Column("set", lambda row: f"{row.data} (synthetic)" if row.synthetic else row.data, right=False),
        Column("network", lambda row: row.method, right=False),
        Column("stream", lambda row: FOUR if row.stream == ALL_STREAMS else row.stream, right=False),
        Column("seeds", seeds, right=False),
        Column("top-1", top1),
        *([Column("mean class", mean_class)] if any(map(mean_class, table.rows)) else []),
        Column("the same network, published", lambda row: published(row, "top1")),
        Column("difference", difference),
        Column("best published on this stream", lambda row: published(row, BEST) or NOTHING, right=False),
    ]
