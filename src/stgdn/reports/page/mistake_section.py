"""Clips that runs take for what they are not, with what their networks look at, for the player in a page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from stgdn.data.store.shards import open_prepared
from stgdn.errors import InputError
from stgdn.inference.trained import load
from stgdn.player.content import page_content
from stgdn.player.prepared import changed_predictions, prepared_scenes
from stgdn.reports.mistakes import mistakes
from stgdn.runs.result import Result
from stgdn.runs.run import Run
from stgdn.runs.scores import Scores

Content = dict[str, Any]


def played_mistakes(
    runs: Sequence[Result],
    most: int,
    data_root: str | None,
    device: torch.device,
    done: Callable[[], None] = lambda: None,
) -> tuple[Mapping[Path, Content], list[str]]:
    """What a page plays of every run, by its folder, and sentences about runs of which it plays nothing.

    Args:
        runs: finished ones, with their checkpoints; their data are prepared.
        most: at most so many clips of a run, those that it is surest about first.
        data_root: where the data lies now, if not where the runs found it.
        device: to compute on.
        done: told after every run.

    Returns:
        Of each run: `wrong` of so many `clips`, and what the `player` draws, None if nothing is wrong.
    """
    played: dict[Path, Content] = {}
    problems = []
    for run in runs:
        try:
            played[run.folder], problem = _played(run.folder, most, data_root, device)
            problems += problem
        except InputError as error:
            problems.append(f"no mistakes of {run.folder} are played: {error}")
        done()
    return played, problems


def _played(folder: Path, most: int, data_root: str | None, device: torch.device) -> tuple[Content, list[str]]:
    scores = Scores.load(folder / "scores.npz")
    wrong = mistakes(scores)
    content = {"wrong": len(wrong), "clips": len(scores.names), "player": None}
    if not wrong:
        return content, []
    store = open_prepared(Run.open(folder, data_root).config.data.store)
    scenes = prepared_scenes({"": load(folder).to(device)}, store, [each.clip for each in wrong[:most]])
    problem = changed_predictions(scenes, [(each.said,) for each in wrong[:most]])
    return content | {"player": page_content(scenes)}, [f"{folder}: {problem}"] if problem else []
