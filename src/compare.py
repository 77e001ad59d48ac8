"""Clips on which two runs disagree: `python src/compare.py runs=[outputs/...,outputs/...] page=compare.html`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.cli.messages import positive_int, progress, warn
from stgdn.data.store.shards import open_prepared
from stgdn.errors import InputError
from stgdn.inference.load import chosen_device, load
from stgdn.player.page import write_page
from stgdn.player.scenes import changed_predictions, prepared_scenes
from stgdn.reports.fusion.disagreement import RUNS, disagreement_summary, disagreements, expect_two, print_disagreements
from stgdn.reports.fusion.fusion_files import find_sources
from stgdn.reports.output_file import output_path
from stgdn.runs.run import Run


@command("compare")
def main(config: DictConfig) -> int:
    """Print the clips, the surest first, and write the page asked for; returns on how many the runs disagree."""
    page, most = output_path(config.page, "page", (".html",)), positive_int(config, "most")
    parts = expect_two(find_sources(config.runs))
    folders = [part.run and part.run.folder for part in parts]
    found = disagreements(*parts)
    print_disagreements(found, parts, most)
    if page is not None and not found:
        warn(f"no page {page}: there is no clip to show")
    if page is None or not found:
        return len(found)
    if None in folders:
        raise InputError("a page needs both networks, and a file of scores has none: give the runs' folders")
    device = chosen_device(config.accelerator)
    networks = {
        f"{run}: {network.name}, {network.stream}": network
        for run, network in zip(RUNS, (load(str(folder)).to(device) for folder in folders), strict=True)
    }
    store = open_prepared(Run.open(str(folders[0]), config.data_root).config.data.store)
    names = [clip.name for clip in found[:most]]
    with progress(len(names)) as done:
        scenes = prepared_scenes(networks, store, names, done)
    classes = parts[0].scores.classes
    if problem := changed_predictions(
        scenes, [tuple(str(classes[label]) for label in each.predicted) for each in found[:most]]
    ):
        warn(problem)
    write_page(
        scenes, page, "Clips on which two runs disagree", disagreement_summary(found, len(parts[0].scores.names))
    )
    warn(f"written: {page}")
    return len(found)


if __name__ == "__main__":
    main()
