"""Runs that are no result: for debugging, or tested on a part of the test clips only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

DEBUG_OUTPUTS = ("outputs", "debug")  # last parts of the folder of `debug=...`
DEBUG_OPTIONS = ("fast_dev_run", "overfit_batches")  # of `trainer`


def is_partial(config: Mapping[Any, Any], clips: int | None = None, scored: int | None = None) -> bool:
    """Return whether a run is for debugging, or has not scored all test clips.

    Args:
        config: of the run; empty if it cannot be read.
        clips: number of test clips; None if it is not known.
        scored: how many of them were scored; None for an older run, which is judged by its config.
    """
    trainer = config.get("trainer") or {}
    if any(trainer.get(option) for option in DEBUG_OPTIONS):
        return True
    if Path(str(config.get("outputs"))).parts[-2:] == DEBUG_OUTPUTS:
        return True
    if clips is not None and scored is not None:
        return scored < clips
    limit = trainer.get("limit_test_batches")
    if limit is None or isinstance(limit, float):
        return limit is not None and limit < 1
    batch_size = config.get("batch_size")
    return not isinstance(batch_size, int) or clips is None or limit * batch_size < clips
