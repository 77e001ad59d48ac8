"""Put runs beside published figures, in the letter's tables: `python src/report.py tables=table1 page=table1.html`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.cli.messages import progress, warn
from stgdn.cli.options import positive_int
from stgdn.errors import InputError

if TYPE_CHECKING:
    from stgdn.runs.result import RunCollection


@command("report")
def main(config: DictConfig) -> None:
    """Collect the runs below a folder, print tables or findings as Markdown, and write the files and page asked for."""
    from stgdn.reports.output_file import output_path
    from stgdn.reports.tables.comparison import compare, finished_runs
    from stgdn.reports.tables.table_files import as_markdown, check_targets, write_tables
    from stgdn.runs.result import collect_runs

    targets = check_targets(config.write, findings=config.findings is not None)
    page = output_path(config.page, "page", (".html",))
    most = positive_int(config, "mistakes") if config.mistakes else 0
    wanted = positive_int(config, "page_runs") if isinstance(config.page_runs, int | float) else config.page_runs
    if most and page is None:
        raise InputError(f"mistakes={most} are played in a page: name it, such as page=report.html")
    if page is not None and config.findings is not None:
        raise InputError("findings= and page= are two reports: give one of them, then run the command again")
    collection = collect_runs(config.outputs)
    notes = [*(each.reason for each in collection.unusable), *collection.notes]
    warn(*notes)
    if config.findings is not None:
        report_findings(config, collection, targets)
        return
    comparisons, more = compare(collection, config.tables, config.only, missing=config.missing)
    warn(*more)
    print(as_markdown(comparisons))
    for path in targets:
        write_tables(path, comparisons)
        print(f"\nwritten: {path}")
    if page is not None:
        from stgdn.reports.page.run_section import detailed_runs
        from stgdn.reports.page.write_page import write_page

        runs, others = detailed_runs(finished_runs(comparisons), wanted or "auto")
        played, problems = None, []
        if most:
            from stgdn.inference.load import chosen_device
            from stgdn.reports.page.mistake_section import played_mistakes

            device = chosen_device(config.accelerator)
            with progress(len(runs), "runs") as done:
                played, problems = played_mistakes(runs, most, config.data_root, device, done)
            warn(*problems)
        warn(*write_page(runs, comparisons, page, notes + more + problems, played, others))
        print(f"\nwritten: {page}")


def report_findings(config: DictConfig, collection: "RunCollection", targets: Sequence[Path]) -> None:
    """Print what the runs show, and write its pictures and pages."""
    from stgdn.reports.findings.sections import as_page, find, write_findings
    from stgdn.reports.tables.comparison import chosen_runs, grouped_runs

    runs, notes = grouped_runs(collection)
    warn(*notes)
    sections, pictures = find(chosen_runs(runs, config.only)), Path(config.findings)
    print(as_page(sections, pictures, None))
    print("", *(f"written: {path}" for path in write_findings(sections, pictures, targets)), sep="\n")


if __name__ == "__main__":
    main()
