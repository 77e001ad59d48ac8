"""Put runs beside published figures, in the letter's tables: `python src/report.py tables=table1 page=table1.html`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.cli.messages import progress, warn
from stgdn.cli.options import positive_int
from stgdn.errors import InputError


@command("report")
def main(config: DictConfig) -> None:
    """Collect the runs below a folder, print the tables as Markdown, and write the file and the page asked for."""
    from stgdn.reports.output_file import output_path
    from stgdn.reports.tables.comparison import compare, finished_runs
    from stgdn.reports.tables.table_files import as_markdown, check_target, write_tables
    from stgdn.runs.result import collect_runs

    path, page = check_target(config.write), output_path(config.page, "page", (".html",))
    most = positive_int(config, "mistakes") if config.mistakes else 0
    if most and page is None:
        raise InputError(f"mistakes={most} are played in a page: name it, such as page=report.html")
    collection = collect_runs(config.outputs)
    notes = [*(each.reason for each in collection.unusable), *collection.notes]
    warn(*notes)
    comparisons, more = compare(collection, config.tables, config.only, missing=config.missing)
    warn(*more)
    print(as_markdown(comparisons))
    if path is not None:
        write_tables(path, comparisons)
        print(f"\nwritten: {path}")
    if page is not None:
        from stgdn.reports.page.write_page import write_page

        runs = finished_runs(comparisons)
        played, problems = None, []
        if most:
            from stgdn.inference.load import chosen_device
            from stgdn.reports.page.mistake_section import played_mistakes

            device = chosen_device(config.accelerator)
            with progress(len(runs), "runs") as done:
                played, problems = played_mistakes(runs, most, config.data_root, device, done)
            warn(*problems)
        warn(*write_page(runs, comparisons, page, notes + more + problems, played))
        print(f"\nwritten: {page}")


if __name__ == "__main__":
    main()
