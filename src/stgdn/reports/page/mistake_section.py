"""Misclassified clips of runs with explanations of their networks, for the player in the page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from stgdn.data.store.shards import open_prepared
from stgdn.errors import InputError
from stgdn.inference.load import load
from stgdn.player.page import page_content
from stgdn.player.scenes import changed_predictions, prepared_scenes
from stgdn.reports.mistakes import mistakes
from stgdn.runs.folder import SCORES
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
    """Return the mistakes to play by run folder, and sentences about runs without any to play.

    Each run has its number of `wrong` clips, number of `clips`, and content of the `player`, None without mistakes.

    Args:
        runs: finished ones with checkpoints and prepared data.
        most: largest number of clips per run, most confident first.
        data_root: new folder of the data, if it has moved.
        device: to compute on.
        done: called after every run.
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
    scores = Scores.load(folder / SCORES)
    wrong = mistakes(scores)
    content = {"wrong": len(wrong), "clips": len(scores.names), "player": None}
    if not wrong:
        return content, []
    store = open_prepared(Run.open(folder, data_root).config.data.store)
    scenes = prepared_scenes({"": load(folder).to(device)}, store, [mistake.clip for mistake in wrong[:most]])
    problem = changed_predictions(scenes, [(mistake.predicted,) for mistake in wrong[:most]])
    return content | {"player": page_content(scenes)}, [f"{folder}: {problem}"] if problem else []
