"""On a real Slurm, if there is one (`.ci/slurm start FOLDER` starts one): jobs, ranks, preemption, time limits."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import submitit

from stgdn.errors import InputError
from stgdn.runs.scores import Scores
from stgdn.slurm import RunJob, ask, copy_code, minutes, queue, reason
from stgdn.training.callbacks.epoch_report import EpochReport
from stgdn.training.checkpoint_file import read_checkpoint
from tests.conftest import ROOT, TINY, RunCommand, cancel_jobs

pytestmark = pytest.mark.xdist_group("slurm")  # all jobs at the same time, once

SMALL = (*TINY, "callbacks.over_smoothing=null", "data=demo", "model=agcn_7l")
CLUSTER = ("launcher=slurm", "launcher.cpus=1", "launcher.memory=1")
LONG = (*(option for option in SMALL if not option.startswith("epochs")), "checkpoint_every=0")
ENDLESS = (*LONG, "epochs=100000")
SEAT = "gres=seat:1"  # what .ci/slurm has one of, and lets jobs of its partition `spare` lose to others
# The data are copied to where the job runs, which finds them there.
STAGED = "launcher.setup=['cp -r $STGDN_DATA data-$SLURM_JOB_ID','export STGDN_DATA=$PWD/data-$SLURM_JOB_ID']"
START = "Starting with JobEnvironment"
OWN_CONFIG = "_target_: own_network.Network\nclasses: ${data.num_classes}\n"
OWN_NETWORK = """
from torch import nn

class Network(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.fc = nn.Linear(3, classes)

    def forward(self, x):
        return self.fc(x.mean((2, 3, 4)))
"""


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (None, 1440), (90, 90), ("90", 90), ("90:00", 90), ("0:30", 1), ("1:30:00", 90), ("24:00:01", 1441),
        ("2-12", 3600), ("1-0:30", 1470), ("1-00:00:00", 1440),
    ],
)  # fmt: skip
def test_times_as_sbatch_takes_them(time: int | str | None, expected: int) -> None:
    assert minutes(time) == expected


@pytest.mark.parametrize("time", ["soon", "", "1:2:3:4", "-5", "0", "1-", "1.5"])
def test_times_that_are_none(time: str) -> None:
    with pytest.raises(InputError, match=r"launcher\.time="):
        minutes(time)


def test_the_reason_is_one_line() -> None:
    told = (
        "sbatch: error: CPU count per node can not be satisfied\nsbatch: error: Batch job submission failed: Nowhere\n"
    )
    assert reason(told) == "Batch job submission failed: Nowhere"
    assert reason("") == "it gave no reason"


def test_no_slurm_on_this_machine(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = run_command("train", "launcher=slurm", *SMALL)
    assert outcome.code == 1
    assert "this machine has no `sinfo`" in outcome.err
    assert "launcher=joblib" in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_a_name_that_is_a_path_makes_no_folder(
    run_command: RunCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, prints in (("sinfo", "debug"), ("squeue", ""), ("sbatch", "1"), ("srun", "")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {prints}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    outcome = run_command("train", "launcher=slurm", "launcher.wait=false", *SMALL, "data.name=../../made")
    assert outcome.code == 1
    assert "data.name='../../made' cannot be the name of a file or folder" in outcome.err
    assert not list(tmp_path.rglob("made"))
    assert not (tmp_path.parent / "made").exists()


class Call:
    """What a test's job does: fail, or return a number."""

    def __call__(self, number: int) -> int:
        if number < 0:
            raise ValueError("no number: it is below zero")
        return number + 1

    def checkpoint(self, number: int) -> object:
        return submitit.helpers.DelayedSubmission(self, number)


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for jobs; `sbatch` only says that it has taken job 17, or refuses one called `refused`."""
    script = (
        "grep -q job-name=refused $1 && echo 'sbatch: error: Nowhere to go' >&2 && exit 1\necho Submitted batch job 17"
    )
    for name, line in (("sbatch", script), ("srun", "")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "slurm"


class TestSubmitit:
    """All that is used of submitit, in the version that is installed."""

    def start(self, folder: Path) -> subprocess.CompletedProcess[str]:
        """Do what Slurm does with the job."""
        environment = os.environ | {"SLURM_JOB_ID": "17", "SLURM_PROCID": "0", "SUBMITIT_EXECUTOR": "slurm"}
        environment["PYTHONPATH"] = f"{ROOT}:{ROOT / 'src'}"
        command = [sys.executable, "-m", "submitit.core._submit", str(folder)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def test_a_job_returns_its_result(self, sbatch: Path) -> None:
        job = RunJob.submit("a/run", sbatch, {"time": 9, "comment": "a comment"}, 1, Call(), 3)
        assert (job.name, job.number, job.log) == ("a/run", "17", sbatch / "17_0_log.out")
        script = (sbatch / "17_submission.sh").read_text()
        for line in ("--job-name=a/run", "--comment='a comment'", "--time=9", "--signal=USR2@"):
            assert f"#SBATCH {line}" in script
        assert not job.ended
        assert self.start(sbatch).returncode == 0
        found = RunJob("a/run", sbatch, "17")
        assert (found.ended, found.failure(), found.result()) == (True, None, 4)

    def test_a_job_that_fails_says_why(self, sbatch: Path) -> None:
        job = RunJob.submit("a/run", sbatch, {}, 1, Call(), -1)
        assert self.start(sbatch).returncode != 0
        assert (job.ended, job.failure()) == (True, "no number: it is below zero")

    def test_a_refused_job(self, sbatch: Path, capfd: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(InputError, match="Slurm refuses the job of refused: Nowhere to go"):
            RunJob.submit("refused", sbatch, {}, 1, Call(), 1)
        assert capfd.readouterr() == ("", "")


def test_slurm_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command = tmp_path / "sinfo"
    command.write_text("#!/bin/sh\necho 'sinfo: error: Unable to contact slurm controller' >&2\nexit 1\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(InputError, match="does not answer `sinfo`: Unable to contact slurm controller"):
        ask("sinfo")


@pytest.fixture(scope="module")
def slurm() -> None:
    """A Slurm that answers."""
    if shutil.which("sinfo") is None:
        pytest.skip("no Slurm on this machine: `.ci/slurm install` and `.ci/slurm start FOLDER` give one")
    answer = subprocess.run(["sinfo", "--noheader", "--format=%T"], capture_output=True, text=True, check=False)
    if answer.returncode or not answer.stdout.strip():
        pytest.skip("Slurm does not answer: `.ci/slurm start FOLDER`, then export SLURM_CONF=FOLDER/slurm.conf")


def test_a_copy_of_the_code_is_named_by_its_content(tmp_path: Path) -> None:
    copy = copy_code(tmp_path)
    assert copy_code(tmp_path) == copy
    assert copy.parent == tmp_path / ".code"
    for name in ("src/train.py", "src/stgdn/slurm.py", "src/hydra_plugins/stgdn_slurm.py", "conf/model/st_gdn.yaml"):
        assert (copy / name).read_bytes() == (ROOT / name).read_bytes()
    assert not list(copy.rglob("__pycache__"))
    assert len(list(copy.rglob("*"))) < 600


class Work:
    """Commands started in a folder, all at once, so that their jobs share the time."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"STGDN_DATA": str(data), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        self.started: dict[str, subprocess.Popen[str]] = {}
        self.ended: dict[str, tuple[int, str, str]] = {}

    def start(self, name: str, *options: str, script: Path = ROOT / "src") -> None:
        """Start `train.py` of a folder `src`."""
        command = [sys.executable, str(script / "train.py"), *options, f"outputs={name}"]
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        environment = self.environment | {"PYTHONPATH": str(script)}
        self.started[name] = subprocess.Popen(command, cwd=self.folder, env=environment, **pipes)

    def end(self, name: str) -> tuple[int, str, str]:
        """Exit code, output and errors of a command."""
        if name not in self.ended:
            out, err = self.started[name].communicate(timeout=300)
            self.ended[name] = self.started[name].returncode, out, err
        return self.ended[name]

    def path(self, name: str, file: str) -> list[Path]:
        return sorted((self.folder / name).rglob(file))

    def log(self, name: str) -> str:
        return "".join(path.read_text() for path in self.path(name, "*_log.out"))

    def lives(self, name: str) -> list[list[int]]:
        """The epochs that each start of a job has ended, without starts that have not ended any."""
        starts = self.log(name).split(START)[1:]
        epochs = [[int(number) for number in re.findall(r"^epoch +(\d+)/", start, re.MULTILINE)] for start in starts]
        return [numbers for numbers in epochs if numbers]


@pytest.fixture(scope="module")
def work(slurm: None, tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Iterator[Work]:  # noqa: ARG001
    """The commands of this file's tests, under way; their jobs end with them."""
    work = Work(tmp_path_factory.mktemp("slurm"), tiny_data)
    copied = copy_code(work.folder)  # a checkout that may be changed
    work.start("endless", *ENDLESS, *CLUSTER, "launcher.time=2", "launcher.notice=10", "launcher.wait=false")
    if "spare" in ask("sinfo", "--noheader", "--format=%R").split():
        work.start("spare", *LONG, *CLUSTER, "epochs=30", "launcher.partition=spare", f"+launcher.options.{SEAT}")
    work.start("sweep", *SMALL, *CLUSTER, "optimizer.lr=0.01,1e30", "launcher.at_once=1", STAGED)
    work.start("changed", *SMALL, *CLUSTER, "launcher.wait=false", "+launcher.options.hold=true", script=copied / "src")
    work.start("ranks", *SMALL, *CLUSTER, "trainer=ddp", "trainer.devices=2", "optimizer.lr=0.01")
    (work.folder / "mine" / "model").mkdir(parents=True)
    (work.folder / "mine" / "model" / "own.yaml").write_text(OWN_CONFIG)
    (work.folder / "own_network.py").write_text(OWN_NETWORK)
    work.start("own", "--config-dir", "mine", *SMALL[:-1], *CLUSTER, "model=own")
    yield work
    for process in work.started.values():
        with process:  # closes its pipes
            process.kill()
    cancel_jobs(work.folder)


def until(condition: Callable[[], bool], seconds: float, what: Callable[[], str]) -> None:
    """Wait for a condition; fail with what there is instead."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(1)


def goes_on(epochs: list[int]) -> tuple[int, int]:
    """The epochs that a job may go on with: it may have been told to end between an epoch's line and checkpoint."""
    return epochs[-1], epochs[-1] + 1


def test_a_preempted_job_is_queued_again_and_goes_on(work: Work) -> None:
    if "spare" not in work.started:
        pytest.skip("this Slurm lets no job give way to others: `.ci/slurm start FOLDER` starts one that does")
    until(lambda: bool(work.path("spare", "last.ckpt")), 280, lambda: work.log("spare"))
    subprocess.run(["sbatch", "--wrap=true", f"--{SEAT}", "--output=/dev/null"], check=True)
    code, out, err = work.end("spare")
    assert code == 0, out + err
    assert re.search(r"job \d+ finished: demo/agcn_7l/joint/seed1", out)
    assert "DUE TO PREEMPTION" in work.log("spare")
    first, second = work.lives("spare")
    assert first[0] == 1
    assert second[0] in goes_on(first)
    assert second[-1] == 30
    assert work.path("spare", "summary.json")


def test_a_job_finds_a_network_and_a_config_of_ones_own(work: Work) -> None:
    code, out, err = work.end("own")
    assert code == 0, out + err
    (summary,) = work.path("own", "summary.json")
    assert summary.parts[-4:-2] == ("own", "joint")


def test_a_job_runs_the_code_that_was_submitted(work: Work) -> None:
    code, out, err = work.end("changed")
    assert code == 0, out + err
    (job,) = re.findall(r"^job (\d+): ", out, re.MULTILINE)
    (checkout,) = (work.folder / ".code").iterdir()
    for path in (*checkout.glob("src/stgdn/**/*.py"), *checkout.glob("conf/**/*.yaml")):
        path.write_text("this is no code: [")
    subprocess.run(["scontrol", "release", job], check=True)
    until(lambda: bool(work.path("changed", "summary.json")), 280, lambda: work.log("changed"))
    assert "epoch 1/1" in work.log("changed")


class TestSweep:
    def test_a_job_that_fails_is_told_of_and_the_other_runs(self, work: Work) -> None:
        code, out, err = work.end("sweep")
        assert code == 1
        assert out.count(": demo/agcn_7l/joint/seed1, log ") == 2
        assert "failed: demo/agcn_7l/joint/seed1: sweep/" in err
        assert "the loss is" in err
        assert "error: not every run of the sweep has finished" in err
        assert "Traceback" not in err
        (summary,) = work.path("sweep", "summary.json")
        assert "lr-0.01" in summary.parent.name

    def test_one_is_submitted_when_the_other_has_ended(self, work: Work) -> None:
        _, out, err = work.end("sweep")
        first, second = re.findall(r"^job (\d+): ", out, re.MULTILINE)
        assert out.index(f"job {first} finished") < out.index(f"job {second}: ")
        assert f"job {second} failed" in err

    def test_data_that_the_job_has_copied_are_trained_on(self, work: Work) -> None:
        _, out, _ = work.end("sweep")
        first, _ = re.findall(r"^job (\d+): ", out, re.MULTILINE)
        (summary,) = work.path("sweep", "summary.json")
        assert f"data_root: {work.folder}/data-{first}" in (summary.parent / "config.yaml").read_text()

    def test_logs_lie_in_the_run_folder(self, work: Work) -> None:
        work.end("sweep")
        (summary,) = work.path("sweep", "summary.json")
        (log,) = (summary.parent / "slurm").glob("*_0_log.out")
        assert "epoch 1/1" in log.read_text()
        (script,) = (summary.parent / "slurm").glob("*_submission.sh")
        assert "--job-name=demo/agcn_7l/joint/seed1" in script.read_text()

    def test_started_again_nothing_is_submitted(
        self, work: Work, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work.end("sweep")
        monkeypatch.chdir(work.folder)
        outcome = run_command("train", *SMALL, *CLUSTER, "optimizer.lr=0.01", "outputs=sweep")
        assert outcome.code == 0, outcome.err
        assert "finished before: sweep/demo" in outcome.out
        assert "job " not in outcome.out

    @pytest.mark.parametrize(
        ("option", "told"),
        [
            ("launcher.partition=tset", "unknown launcher.partition 'tset', allowed: "),
            ("+launcher.options.nodelist=nowhere", "Slurm refuses the job of demo/agcn_7l/joint/seed1: "),
            ("launcher.time=soon", "launcher.time=soon is no time"),
            ("launcher.time=1", "launcher.time=1 is too short"),
            ("launcher.at_once=0", "launcher.at_once=0 must be a whole number from 1 up"),
            ("trainer.devices=-1", "trainer.devices=-1 with launcher=slurm: say how many"),
        ],
    )
    @pytest.mark.usefixtures("slurm")
    def test_mistakes_get_one_sentence(self, run_command: RunCommand, option: str, told: str) -> None:
        outcome = run_command("train", *SMALL, *CLUSTER, option)
        assert outcome.code == 1
        assert told in outcome.err
        assert len(outcome.err.splitlines()) == 1
        assert not list(Path().rglob("summary.json"))

    @pytest.mark.usefixtures("slurm")
    def test_a_job_that_could_never_start_does_not_wait(self, run_command: RunCommand) -> None:
        outcome = run_command("train", *SMALL, *CLUSTER, "launcher.cpus=1000")
        assert outcome.code == 1
        assert "Slurm would never start it (PartitionConfig): see launcher.cpus" in outcome.err
        assert not [queued for queued in queue() if queued.comment.startswith(str(Path.cwd()))]


def test_two_tasks_of_srun_train_the_network_that_one_process_trains(work: Work, run_command: RunCommand) -> None:
    assert run_command("train", *SMALL, "optimizer.lr=0.01", "outputs=alone").code == 0
    (alone,) = (Scores.load(path) for path in Path("alone").rglob("scores.npz"))
    code, out, err = work.end("ranks")
    logs = work.path("ranks", "*_log.out")
    assert code == 0, out + err + "".join(log.read_text() for log in logs)
    assert len(logs) == 2  # one a task
    (path,) = work.path("ranks", "scores.npz")
    ranks = Scores.load(path)
    np.testing.assert_array_equal(ranks.names, alone.names)
    np.testing.assert_allclose(ranks.scores, alone.scores, atol=0.01 * np.abs(alone.scores).max())


class TestTimeLimit:
    """A run that its limit of two minutes ends; Slurm gives notice up to a minute before it must."""

    def test_is_queued_again_and_goes_on(self, work: Work) -> None:
        code, out, err = work.end("endless")
        assert code == 0, err
        assert "not waiting: `squeue --me`" in out
        until(lambda: len(work.lives("endless")) >= 2, 280, lambda: work.log("endless"))
        first, second = work.lives("endless")[:2]
        assert first[0] == 1
        assert second[0] in goes_on(first)
        assert "DUE TO JOB REQUEUE" in work.log("endless")

    def test_is_not_submitted_twice(self, work: Work, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
        work.end("endless")
        monkeypatch.chdir(work.folder)
        outcome = run_command("train", *ENDLESS, *CLUSTER, "launcher.wait=false", "outputs=endless")
        assert outcome.code == 0, outcome.err
        assert "(queued before): demo/agcn_7l/joint/seed1" in outcome.out

    def test_scancel_leaves_a_run_that_can_be_resumed(
        self, work: Work, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work.end("endless")
        (job,) = [
            queued.job for queued in queue() if "/endless/" in queued.comment and str(work.folder) in queued.comment
        ]
        until(lambda: bool(work.path("endless", "last.ckpt")), 280, lambda: work.log("endless"))
        subprocess.run(["scancel", job], check=True)
        until(lambda: job not in {queued.job for queued in queue()}, 60, lambda: work.log("endless"))
        (checkpoint,) = work.path("endless", "last.ckpt")
        done = read_checkpoint(checkpoint)["epoch"] + 1
        start = EpochReport.on_train_epoch_start

        def interrupt(self: EpochReport, trainer: Any, pl_module: Any) -> None:  # noqa: ANN401
            if trainer.current_epoch > done:
                raise KeyboardInterrupt
            start(self, trainer, pl_module)

        monkeypatch.chdir(work.folder)
        with monkeypatch.context() as patched:
            patched.setattr(EpochReport, "on_train_epoch_start", interrupt)
            outcome = run_command("train", *ENDLESS, "resume=true", "outputs=endless")
        signal.signal(signal.SIGINT, signal.default_int_handler)  # Lightning has switched Ctrl-C off
        assert outcome.code == 130, outcome.err
        epochs = [line.split("/")[0].split()[1] for line in outcome.out.splitlines() if line.startswith("epoch")]
        assert epochs == [str(done + 1)]


def test_jobs_of_a_killed_test_are_cancelled(slurm: None, tmp_path: Path) -> None:  # noqa: ARG001
    (tmp_path / "test_killed.py").write_text(
        "import os, subprocess\n"
        "def test_killed(tmp_path):\n"
        "    job = ['sbatch', '--wrap=sleep 600', f'--comment={tmp_path}/run', '--output=/dev/null']\n"
        "    subprocess.run(job, check=True)\n"
        "    os.abort()\n"
    )
    project = ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={tmp_path}", "-p", "tests.conftest"]
    command = [sys.executable, "-m", "pytest", *project, f"--basetemp={tmp_path / 'base'}", "-n", "1", "test_killed.py"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "crashed while running 'test_killed.py::test_killed'" in ended.stdout
    left = [queued for queued in queue() if Path(queued.comment).is_relative_to(tmp_path)]
    until(lambda: not left or not {job.job for job in left} & {job.job for job in queue()}, 30, lambda: str(left))
