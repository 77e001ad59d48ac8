"""`make sync`, against a server that stands in for W&B's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import ROOT
from tests.wandb_stand_in import StandIn, record
from tests.wandb_tools.test_local import made_up
from wandb.errors import AuthenticationError

from stgdn.errors import InputError
from stgdn.wandb_tools import upload as wandb_upload
from stgdn.wandb_tools.local import find_records
from stgdn.wandb_tools.upload import pending, upload

RUN = "outputs/demo/st_gdn/joint/letter-seed2/wandb/offline-run-20260101_120000-abcd1234"


def sync(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python src/sync.py` in `folder`, by somebody with no settings of their own."""
    command = [sys.executable, str(ROOT / "src" / "sync.py")]
    alone = {"HOME": str(folder), "NETRC": str(folder / "netrc"), "WANDB_API_KEY": "", "WANDB_ERROR_REPORTING": "false"}
    return subprocess.run(
        command, cwd=folder, env=os.environ | alone | environment, capture_output=True, text=True, check=False
    )


def test_uploads_all_that_can_be_and_joins_the_parts_of_a_resumed_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "outputs" / "demo" / "st_gdn" / "joint"
    resumed = record(runs / "letter-seed1", range(0, 4), experiment_name="table1")
    assert record(runs / "letter-seed1", range(4, 7), experiment_name="table1") == resumed
    alone = record(runs / "letter-seed2", range(3), seed=2)
    bad = made_up(runs, "letter-seed3/wandb/offline-run-20260101_120000-abcd1234", b"garbage")
    capsys.readouterr()
    with StandIn() as server:
        outcome = sync(tmp_path, WANDB_BASE_URL=server.url, WANDB_API_KEY="a" * 40)
        assert "2 of 2 runs uploaded" in outcome.stdout, outcome.stderr
        assert outcome.returncode == 1
        (told,) = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
        assert str(bad.relative_to(tmp_path)) in told
        assert "1 of 4 W&B records were not uploaded" in told
        steps = {run_id: [row["_step"] for row in rows] for run_id, rows in server.histories.items()}
        assert steps == {resumed: [0, 1, 2, 3, 4, 5, 6], alone: [0, 1, 2]}
        assert server.groups == {resumed: "table1/demo", alone: "demo"}
    bad.unlink()
    bad.parent.rmdir()
    upload(tmp_path)
    assert capsys.readouterr().out == "nothing to upload\n"


def test_without_a_login_one_sentence_says_what_it_would_do(tmp_path: Path) -> None:
    made_up(tmp_path, RUN)
    outcome = sync(tmp_path)
    assert outcome.returncode == 1
    assert outcome.stderr.splitlines() == [
        "error: not logged in to W&B on this machine: `make sync` would upload 1 run below outputs; "
        "log in with `wandb login` and repeat it"
    ]


def test_a_server_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(tmp_path, RUN)

    def refuse() -> bool:
        raise AuthenticationError("no route to host\nmore")

    monkeypatch.setattr(wandb_upload, "logged_in", refuse)
    with pytest.raises(InputError, match=r"does not answer or refuses the key \(no route to host\): .* upload 1 run"):
        upload(tmp_path)


def test_what_wandb_does_not_take_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = [made_up(tmp_path, RUN.replace("seed2", f"seed{seed}").replace("abcd", f"id{seed}")) for seed in range(5)]
    monkeypatch.setattr(wandb_upload, "logged_in", lambda: True)
    monkeypatch.setattr(
        wandb_upload, "sync_records", lambda parts, *_: parts[0].log.with_suffix(".wandb.synced").touch()
    )
    with pytest.raises(InputError, match=r"4 of 5 W&B records were not uploaded: .* and 1 more; ") as told:
        upload(tmp_path)
    assert sum(str(log) in str(told.value) for log in logs) == 3


def test_runs_in_training_wait_and_uploaded_ones_are_done(tmp_path: Path) -> None:
    names = ("training", "stopped", "ended", "done", "picture")
    logs = {name: made_up(tmp_path, RUN.replace("seed2", name)) for name in names}
    made_up(tmp_path, RUN.replace("seed2", "online").replace("offline-run", "run"))
    for name in ("training", "stopped", "ended"):
        (logs[name].parents[2] / "config.yaml").touch()
    os.utime(logs["stopped"], (0, 0))
    logs["done"].with_suffix(".wandb.synced").touch()
    (logs["ended"].parents[2] / "summary.json").touch()
    at_rest, in_use = pending(find_records(tmp_path))
    assert {part.run.name for part in at_rest} == {"letter-stopped", "letter-ended", "letter-picture"}
    assert {part.run.name for part in in_use} == {"letter-training"}
