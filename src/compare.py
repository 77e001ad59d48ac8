"""Clips on which two runs disagree: `python src/compare.py runs=[outputs/...,outputs/...] page=compare.html`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.cli.messages import progress, warn
from stgdn.cli.options import positive_int


@command("compare")
def main(config: DictConfig) -> int:
    """Print the clips, the surest first, and write the page asked for; returns on how many the runs disagree."""
    from stgdn.reports.fusion.disagreement import disagreements, expect_two, print_disagreements
    from stgdn.reports.fusion.fusion_files import find_sources
    from stgdn.reports.output_file import output_path

    page, most = output_path(config.page, "page", (".html",)), positive_int(config, "most")
    parts = expect_two(find_sources(config.runs))
    found = disagreements(*parts)
    print_disagreements(found, parts, most)
    if page is not None and found:
        from stgdn.reports.fusion.disagreement_page import write_disagreements

        with progress(min(most, len(found))) as done:
            problem = write_disagreements(page, parts, found, most, config.data_root, config.accelerator, done)
        if problem is not None:
            warn(problem)
        warn(f"written: {page}")
    elif page is not None:
        warn(f"no page {page}: there is no clip to show")
    return len(found)


if __name__ == "__main__":
    main()
