"""Tabulate finished runs: `python src/report.py only.data=nw_ucla`; `write=README.md` puts the table into a file."""

from omegaconf import DictConfig

from stgdn.entry import door
from stgdn.results.tables import insert, markdown, rows


@door("report")
def main(config: DictConfig) -> None:
    """Gather the runs below a folder and print their table as Markdown."""
    table = markdown(rows(config.outputs, **config.only))
    print(table)
    if config.write is not None:
        insert(config.write, table)


if __name__ == "__main__":
    main()
