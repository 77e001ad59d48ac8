"""Runs beside published values: the letter's tables, and a table for each other data set."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from stgdn.errors import InputError, choose
from stgdn.inference.stream_weights import rank
from stgdn.reports.tables.folds import merge_folds
from stgdn.reports.tables.fused_rows import fused_results
from stgdn.reports.tables.letter import BASELINE, LETTER, Layout, other_data, other_runs
from stgdn.reports.tables.published import PublishedValue, by_metric, published_values, values_of
from stgdn.reports.tables.rows import Comparison, Row
from stgdn.runs.result import Result, RunCollection

MOST_RECIPES = 12  # that a note names
RowKey = tuple[str, str, str]  # data, model, stream
Only = Mapping[str, str | Sequence[str] | None]
Runs = dict[RowKey, dict[str, tuple[Result, ...]]]  # by recipe, one per seed


def compare(
    collection: RunCollection,
    tables: str | Sequence[str] = "all",
    only: Only | None = None,
    *,
    missing: bool = True,
) -> tuple[list[Comparison], list[str]]:
    """Build the tables, and sentences about runs and fusions that are missing in them.

    Args:
        collection: all runs.
        tables: `all`, or names: `table1` to `table4`, data that the letter does not have, or `other`.
        only: rows to keep, by `data`, `model`, `stream` and `recipe`, a value or several; None keeps everything.
        missing: keep rows without a run.
    """
    runs, notes = grouped_runs(collection)
    layouts = {layout.name: (layout, row_keys) for layout, row_keys in _layouts(runs)}
    wanted = list(layouts) if tables == "all" else [tables] if isinstance(tables, str) else tables
    for name in wanted if tables != "all" else ():
        choose(name, layouts, "table")
        layouts[name] = _on_other_data(*layouts[name], runs, _values(only or {}).get("data", []))
    chosen = [layouts[name] for name in wanted]
    comparisons = [_comparison(layout, row_keys, runs, collection) for layout, row_keys in chosen]
    kept = _kept(comparisons, _values(only or {}), missing)
    return [_annotated(comparison, layouts[comparison.name][0], collection) for comparison in kept], notes


def finished_runs(comparisons: Iterable[Comparison]) -> list[Result]:
    """Return the finished runs in tables, each once, without fusions."""
    merged = [result for comparison in comparisons for row in comparison.rows for result in row.results]
    results = [part for result in merged for part in result.parts or (result,)]
    return list({result.folder: result for result in results if not result.origin}.values())


def grouped_runs(collection: RunCollection) -> tuple[Runs, list[str]]:
    """Group runs and fusions by data, model and stream, then by recipe, one per seed, folds merged.

    Also returns sentences about runs and fusions that are left out.

    Raises:
        InputError: no finished run.
    """
    if not collection.results:
        raise InputError("there is no finished run: train with src/train.py first, or say with outputs= where runs are")
    fused, notes = fused_results(collection)
    results, doubles = merge_folds([*collection.results, *fused])
    seeds: dict[tuple[RowKey, str], dict[int, Result]] = {}
    for result in results:
        key = (result.data, result.model, result.stream), result.recipe
        first = seeds.setdefault(key, {}).setdefault(result.seed, result)
        if first is not result:
            doubles.append(f"{result.folder} is in no table: {first.folder} is of the same recipe and seed")
    runs: Runs = {}
    for (row_key, recipe), by_seed in seeds.items():
        runs.setdefault(row_key, {})[recipe] = tuple(by_seed[seed] for seed in sorted(by_seed))
    return runs, notes + doubles


def _layouts(runs: Runs) -> Iterator[tuple[Layout, list[RowKey]]]:
    """Yield the tables of the letter, of other data and of remaining runs, each with the keys of its rows."""
    shown: set[RowKey] = set()
    letters = {data for layout in LETTER for data in layout.data}
    for layout in (*LETTER, *(other_data(data) for data in sorted({row_key[0] for row_key in runs} - letters))):
        row_keys = _row_keys(layout, runs)
        shown.update(row_keys)
        yield layout, row_keys
    rest = [row_key for row_key in runs if row_key not in shown]
    if rest:
        layout = other_runs(tuple(dict.fromkeys(data for data, _, _ in rest)))
        yield layout, _ordered(layout, rest)


def _on_other_data(
    layout: Layout, row_keys: list[RowKey], runs: Runs, data: Sequence[str]
) -> tuple[Layout, list[RowKey]]:
    """Return one of the letter's tables for other data, if `only.data` asks for such that there are runs on."""
    known = {row_key[0] for row_key in runs}
    if layout not in LETTER or not data or not known.issuperset(data) or set(data) <= set(layout.data):
        return layout, row_keys
    there = ", ".join(data)
    commands = f"{layout.command} data={','.join(data)}"
    layout = replace(layout, title=f"{layout.title}, on {there}", data=tuple(data), command=commands)
    return layout, _row_keys(layout, runs)


def _row_keys(layout: Layout, runs: Runs) -> list[RowKey]:
    """Return the keys of the rows of a table in order: its own networks, then others published or run."""
    keys = [(data, model, stream) for data in layout.data for model in layout.models for stream in layout.streams]
    for value in published_values() if layout.others else ():
        if value.model is not None and value.data in layout.data and value.metric != "gain":
            keys.append((value.data, value.model, value.stream))
    keys += [row_key for row_key in runs if layout.everything and row_key[0] in layout.data]
    return _ordered(layout, keys)


def _ordered(layout: Layout, row_keys: Sequence[RowKey]) -> list[RowKey]:
    """Sort keys by data, then by network in the order of the table, then single streams before fused ones."""
    models = list(dict.fromkeys([*layout.models, *(model for _, model, _ in row_keys)]))

    def order(row_key: RowKey) -> tuple[int, int, int, tuple[int, str]]:
        data, model, stream = row_key
        return layout.data.index(data), models.index(model), stream.count("+"), rank(stream)

    return sorted(dict.fromkeys(row_keys), key=order)


def _comparison(layout: Layout, row_keys: Sequence[RowKey], runs: Runs, collection: RunCollection) -> Comparison:
    """Build a table: for each data set the rows recipe by recipe, then published values of other methods."""
    statuses = {(run.data, run.model, run.stream): run.status for run in collection.unusable}
    synthetic = {result.data for result in collection.results if result.synthetic}
    rows: list[Row] = []
    for data in layout.data:
        same_data = [row_key for row_key in row_keys if row_key[0] == data]
        own = [row for row_key in same_data for row in _rows(row_key, runs, layout.gains, statuses, data in synthetic)]
        recipes = list(dict.fromkeys(row.recipe for row in own if row.recipe is not None))
        if len(recipes) > 1:
            own.sort(key=lambda row: recipes.index(row.recipe) if row.recipe is not None else len(recipes))
        rows += [*own, *(_only_published(data) if layout.others else ())]
    return Comparison(layout.name, layout.title, tuple(rows))


def _rows(
    row_key: RowKey, runs: Runs, gains: bool, statuses: Mapping[tuple[str | None, ...], str], synthetic: bool
) -> Iterator[Row]:
    """Yield a row for every recipe, or one row without results."""
    data, model, stream = row_key
    published = values_of(model, data, stream)
    if not gains:
        published.pop("gain", None)
    row = Row(data, synthetic, model, stream, statuses.get(row_key, "not run"), published=published)
    if row_key not in runs:
        yield row
    for recipe, results in runs.get(row_key, {}).items():
        baseline = runs.get((data, BASELINE, stream), {}).get(recipe, ()) if gains and model != BASELINE else ()
        comparable = published if standard_protocol(results[0]) else {}
        yield replace(row, status="run", results=results, published=comparable, baseline=baseline)


def standard_protocol(result: Result) -> bool:
    """Return whether a run was tested by its data's own protocol, as what was published is."""
    chosen = result.fold is not None and result.fold.option == "data.protocol"
    return not chosen and "+data.protocol-" not in result.recipe


def _only_published(data: str) -> Iterator[Row]:
    """Yield rows of methods that are not in this suite."""
    methods: dict[tuple[str, str], list[PublishedValue]] = {}
    for value in published_values():
        if value.model is None and value.data == data:
            methods.setdefault((value.method, value.stream), []).append(value)
    for (method, stream), values in methods.items():
        yield Row(data, False, method, stream, "published", published=by_metric(values))


def chosen_runs(runs: Runs, only: Only) -> Runs:
    """Return the runs that fit `only`, of which each entry is a value, a list of them, or None for all.

    Raises:
        InputError: no run fits.
    """
    wanted = _values(only)
    kept: Runs = {}
    for row_key, recipes in runs.items():
        for recipe, results in recipes.items():
            values = {"data": row_key[0], "model": row_key[1], "stream": row_key[2], "recipe": recipe}
            if all(values.get(key) in allowed for key, allowed in wanted.items()):
                kept.setdefault(row_key, {})[recipe] = results
    if not kept:
        raise InputError(f"no run fits {_options(wanted)}")
    return kept


def _values(only: Only) -> dict[str, list[str]]:
    """Return the values that each entry allows."""
    return {key: [value] if isinstance(value, str) else list(value) for key, value in only.items() if value is not None}


def _options(only: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"only.{key}={','.join(values)}" for key, values in only.items())


def _kept(comparisons: Sequence[Comparison], only: Mapping[str, list[str]], missing: bool) -> list[Comparison]:
    """Return the tables with the selected rows; empty tables are left out.

    Raises:
        InputError: no row matches all entries of `only`.
    """
    columns = {"data": "data", "model": "method", "stream": "stream", "recipe": "recipe"}
    for key, wanted in only.items():
        values = {getattr(row, columns[key]) for comparison in comparisons for row in comparison.rows} - {None}
        for value in wanted:
            choose(value, sorted(values), f"only.{key}")
    kept = []
    for comparison in comparisons:
        rows = [row for row in comparison.rows if missing or row.results]
        rows = [row for row in rows if all(getattr(row, columns[key]) in wanted for key, wanted in only.items())]
        kept += [replace(comparison, rows=tuple(rows))] if rows else []
    if not kept:
        fitting = _options(only) or "the tables asked for"
        raise InputError(f"no run fits {fitting}; with missing=true also rows without a run are shown")
    return kept


def _annotated(comparison: Comparison, layout: Layout, collection: RunCollection) -> Comparison:
    """Return the table with the notes below it."""
    rows, notes = comparison.rows, []
    if any(row.synthetic for row in rows):
        notes.append("Synthetic people show nobody who exists; do not compare these values with results on other data.")
    if len(comparison.recipes) > 1:
        more = len(comparison.recipes) - MOST_RECIPES
        names = [*comparison.recipes[:MOST_RECIPES], *([f"{more} more"] if more > 0 else [])]
        notes.append(f"Several recipes ({', '.join(names)}): compare rows of one recipe only.")
    if any(row.results and row.published and not row.same_recipe for row in rows):
        notes.append("† The published figure was got by another recipe than the run.")
    lacking = dict.fromkeys(row.method for row in rows if row.status == "not run" and row.method in layout.models)
    if lacking:
        notes.append(f"Not run: `{layout.command}` trains what is missing of {', '.join(lacking)}; fused rows follow.")
    if any(row.status == "published" for row in rows):
        notes.append("Of methods that are not in this suite there are published figures only.")
    data = {row.data for row in rows}
    notes += [run.reason for run in collection.unusable if run.status == "damaged" and run.data in (*data, None)]
    return replace(comparison, notes=tuple(notes))
