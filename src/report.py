"""Put runs beside published figures, in the letter's tables: `python src/report.py tables=table1 page=table1.html`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.cli.messages import positive_int, progress, warn
from stgdn.errors import InputError
from stgdn.inference.load import chosen_device
from stgdn.reports.output_file import output_path
from stgdn.reports.page.mistake_section import played_mistakes
from stgdn.reports.page.write_page import write_page
from stgdn.reports.tables.comparison import compare, finished_runs
from stgdn.reports.tables.table_files import as_markdown, check_target, write_tables
from stgdn.runs.result import Result, collect_runs


@command("report")
def main(config: DictConfig) -> None:
    """Collect the runs below a folder, print the tables as Markdown, and write the file and the page asked for."""
    path, page = check_target(config.write), output_path(config.page, "page", (".html",))
    most = positive_int(config, "mistakes") if config.mistakes else 0
    if most and page is None:
        raise InputError(f"mistakes={most} are played in a page: name it, such as page=report.html")
    collection = collect_runs(config.outputs)
    notes = [*(each.reason for each in collection.unusable), *collection.notes]
    warn_all(notes)
    comparisons, more = compare(collection, config.tables, config.only, missing=config.missing)
    warn_all(more)
    print(as_markdown(comparisons))
    if path is not None:
        write_tables(path, comparisons)
        print(f"\nwritten: {path}")
    if page is not None:
        runs = finished_runs(comparisons)
        played, problems = play(runs, most, config) if most else (None, [])
        warn_all(problems)
        warn_all(write_page(runs, comparisons, page, notes + more + problems, played))
        print(f"\nwritten: {page}")


def play(runs: Sequence[Result], most: int, config: DictConfig) -> tuple[Mapping[Path, Any], list[str]]:
    """Return the mistakes that a page plays for every run, and notes on those that it cannot play."""
    device = chosen_device(config.accelerator)
    with progress(len(runs), "runs") as done:
        return played_mistakes(runs, most, config.data_root, device, done)


def warn_all(notes: list[str]) -> None:
    """Print notes on standard error, apart from the tables."""
    for sentence in notes:
        warn(sentence)


if __name__ == "__main__":
    main()
