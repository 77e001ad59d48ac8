"""Uploading what was recorded without a network."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from wandb.errors import AuthenticationError

from stgdn.errors import InputError
from stgdn.wandb_tools.local import Part, find_parts, logged_in, sort_out

IN_USE = 120  # seconds; a run that records writes its log more often
NAMED = 3  # in a sentence


def upload(outputs: str | Path, project: str | None = None, entity: str | None = None) -> None:
    """Upload every offline record below a folder that has not been; parts of a resumed run become one W&B run.

    One that fails does not keep the others. Runs that are still being trained are left for later.

    Args:
        outputs: where runs are.
        project: of W&B; None: the one each run was recorded for.
        entity: user or team; None: the default of who is logged in.

    Raises:
        InputError: nobody is logged in, or records were damaged or could not be uploaded; the sentence names them.
    """
    waiting, in_use = pending(find_parts(outputs))
    good, damaged = sort_out(waiting)
    for part in in_use:
        print(f"note: left for later, still being trained: {part.run}", file=sys.stderr)
    for part, reason in damaged.items():
        print(f"note: left out {part.log}: {reason}", file=sys.stderr)
    runs = {part.run_id for part in good}
    if good:
        _expect_login(f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} below {outputs}")
        send(good, project, entity)
    failed = [part for part in good if not part.uploaded]
    arrived = runs - {part.run_id for part in failed}
    print(f"{len(arrived)} of {len(runs)} runs uploaded" if good else "nothing to upload")
    if failed or damaged:
        names = [str(part.log) for part in (*failed, *damaged)]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise InputError(
            f"{len(names)} of {len(waiting)} W&B records were not uploaded: {', '.join(names[:NAMED])}{more}; "
            "delete what is damaged, and `make sync` tries the rest again"
        )


def pending(parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """Offline records that are not uploaded: those at rest, the oldest first, and those of runs in training."""
    waiting = sorted((part for part in parts if part.offline and not part.uploaded), key=lambda part: part.begun)
    in_use = [part for part in waiting if _being_written(part)]
    return [part for part in waiting if part not in in_use], in_use


def send(parts: Sequence[Part], project: str | None, entity: str | None) -> None:
    """Hand records to `wandb sync`, which marks those that arrived."""
    options = [*(["--project", project] if project else []), *(["--entity", entity] if entity else [])]
    subprocess.run(
        [sys.executable, "-m", "wandb", "sync", *options, *(str(part.folder) for part in parts)], check=False
    )


def _being_written(part: Part) -> bool:
    """Whether it is a training run that is not finished and has been heard of lately."""
    training = (part.run / "config.yaml").exists() and not (part.run / "summary.json").exists()
    return training and part.log.exists() and time.time() - part.log.stat().st_mtime < IN_USE


def _expect_login(what: str) -> None:
    try:
        reason = "" if logged_in() else "nobody is logged in to W&B on this machine"
    except AuthenticationError as error:
        reason = f"W&B does not answer or refuses the key ({str(error).splitlines()[0]})"
    if reason:
        raise InputError(f"{reason}: `make sync` would upload {what}; log in with `wandb login` and repeat it")
