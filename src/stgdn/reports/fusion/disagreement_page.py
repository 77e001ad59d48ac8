"""A page that plays the clips on which two networks disagree."""

from collections.abc import Callable, Sequence
from pathlib import Path

from stgdn.data.store.shards import open_prepared
from stgdn.errors import InputError
from stgdn.inference.load import chosen_device, load
from stgdn.player.page import write_page
from stgdn.player.scenes import changed_predictions, prepared_scenes
from stgdn.reports.figures.run_pair import distinct_names
from stgdn.reports.fusion.disagreement import RUNS, Disagreement, disagreement_summary
from stgdn.reports.fusion.score_fusion import StreamScores
from stgdn.runs.run import Run


def write_disagreements(
    page: Path,
    sources: Sequence[StreamScores],
    found: Sequence[Disagreement],
    most: int,
    data_root: str | None,
    accelerator: str,
    done: Callable[[], None],
) -> str | None:
    """Write the page; returns a warning if the networks now predict other classes than before.

    Args:
        page: its file.
        sources: the two runs.
        found: all clips on which they disagree.
        most: so many of these are played.
        data_root: where the data are now, if not where the runs found them.
        accelerator: on which the networks are run.
        done: called after every clip.

    Raises:
        InputError: a source is a file of scores, without a network.
    """
    runs = [source.run for source in sources if source.run is not None]
    if len(runs) < len(sources):
        raise InputError("a page needs both networks, and a file of scores has none: give the runs' folders")
    loaded = [load(str(run.folder)).to(chosen_device(accelerator)) for run in runs]
    names = distinct_names(runs)
    networks = {f"{run}: {name}, {net.stream}": net for run, name, net in zip(RUNS, names, loaded, strict=True)}
    store = open_prepared(Run.open(str(runs[0].folder), data_root).config.data.store)
    scenes = prepared_scenes(networks, store, [clip.name for clip in found[:most]], done)
    scores = sources[0].scores
    write_page(scenes, page, "Clips on which two runs disagree", disagreement_summary(found, len(scores.names)))
    predicted = [tuple(str(scores.classes[label]) for label in clip.predicted) for clip in found[:most]]
    return changed_predictions(scenes, predicted)
