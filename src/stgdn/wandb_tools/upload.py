"""Upload of offline W&B records."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from wandb.errors import AuthenticationError

from stgdn.errors import InputError
from stgdn.runs.folder import CONFIG, SUMMARY
from stgdn.wandb_tools.local import RunRecord, find_records, logged_in, split_damaged

IN_USE = 120  # seconds; a run that records writes its log more often
NAMED = 3  # in a sentence


def upload(outputs: str | Path, project: str | None = None, entity: str | None = None) -> None:
    """Upload all offline records below a folder that are not uploaded yet; a resumed run becomes one W&B run.

    A failed upload does not stop the others. Runs in training are skipped.

    Args:
        outputs: where runs are.
        project: of W&B; None: that of each record.
        entity: user or team; None: the default of the login.

    Raises:
        InputError: records are damaged or could not be uploaded; the message names them.
    """
    waiting, in_use = pending(find_records(outputs))
    for record in in_use:
        print(f"note: left for later, still being trained: {record.run}", file=sys.stderr)
    good, damaged = split_damaged(waiting)
    runs = {record.run_id for record in good}
    if good:
        _expect_login(f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} below {outputs}")
        sync_records(good, project, entity)
    failed = [record for record in good if not record.uploaded]
    arrived = runs - {record.run_id for record in failed}
    print(f"{len(arrived)} of {len(runs)} runs uploaded" if good else "nothing to upload")
    if failed or damaged:
        names = [str(record.log) for record in (*failed, *damaged)]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise InputError(
            f"{len(names)} of {len(waiting)} W&B records were not uploaded: {', '.join(names[:NAMED])}{more}; "
            "delete what is damaged, and `make sync` tries the rest again"
        )


def pending(records: Sequence[RunRecord]) -> tuple[list[RunRecord], list[RunRecord]]:
    """Return the offline records to upload, oldest first, and those of runs in training."""
    waiting = sorted(
        (record for record in records if record.offline and not record.uploaded), key=lambda record: record.begun
    )
    in_use = [record for record in waiting if _being_written(record)]
    return [record for record in waiting if record not in in_use], in_use


def sync_records(records: Sequence[RunRecord], project: str | None, entity: str | None) -> None:
    """Upload records by `wandb sync`, which marks those that arrived."""
    options = [*(["--project", project] if project else []), *(["--entity", entity] if entity else [])]
    subprocess.run(
        [sys.executable, "-m", "wandb", "sync", *options, *(str(record.folder) for record in records)], check=False
    )


def _being_written(record: RunRecord) -> bool:
    """Return whether a record is of an unfinished training run and was changed recently."""
    training = (record.run / CONFIG).exists() and not (record.run / SUMMARY).exists()
    return training and record.log.exists() and time.time() - record.log.stat().st_mtime < IN_USE


def _expect_login(what: str) -> None:
    try:
        reason = "" if logged_in() else "not logged in to W&B on this machine"
    except AuthenticationError as error:
        reason = f"W&B does not answer or refuses the key ({str(error).splitlines()[0]})"
    if reason:
        raise InputError(f"{reason}: `make sync` would upload {what}; log in with `wandb login` and repeat it")
