"""Put runs beside published figures, in the letter's tables: `python src/report.py tables=table1 page=table1.html`."""

import sys

from omegaconf import DictConfig

from stgdn.entry import door
from stgdn.results.comparison import compare, runs_of
from stgdn.results.gathering import gather
from stgdn.results.page.writing import write_page
from stgdn.results.tables import check_target, markdown, write_tables
from stgdn.results.targets import target


@door("report")
def main(config: DictConfig) -> None:
    """Gather the runs below a folder, print the tables as Markdown, and write the file and the page asked for."""
    path, page = check_target(config.write), target(config.page, "page", (".html",))
    gathered = gather(config.outputs)
    notes = [*(each.reason for each in gathered.unusable), *gathered.notes]
    say(notes)
    comparisons, more = compare(gathered, config.tables, config.only, missing=config.missing)
    say(more)
    print(markdown(comparisons))
    if path is not None:
        write_tables(path, comparisons)
        print(f"\nwritten: {path}")
    if page is not None:
        say(write_page(runs_of(comparisons), comparisons, page, notes + more))
        print(f"\nwritten: {page}")


def say(notes: list[str]) -> None:
    """Tell what is left out, beside the tables and not in them."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


if __name__ == "__main__":
    main()
