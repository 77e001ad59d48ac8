"""Run folders: claiming them, whole files, differences between configs."""

from contextlib import suppress
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from stgdn.errors import InputError
from stgdn.files import replacing
from stgdn.runs.run import Run, config_differences, rank


def claim(config: DictConfig, *, ask: bool = True) -> Run:
    """Begin a run in its folder, if that is free."""
    run = Run(config.folder, config)
    run.expect_free(ask=ask)
    run.begin()
    return run


def write_half(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk is full")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text("old")
    with pytest.raises(OSError, match="disk"):
        write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_differences_name_the_dotted_key() -> None:
    before = OmegaConf.create({"a": {"b": 1, "c": [1, 2]}, "d": "x"})
    now = OmegaConf.create({"a": {"b": 1, "c": [1, 3]}, "e": "y"})
    assert list(config_differences(before, now)) == [
        ("a.c", [1, 2], [1, 3]),
        ("d", "x", None),
        ("e", None, "y"),
    ]


class TestClaim:
    """A folder with a checkpoint and, where it is finished, a summary."""

    def config(self, folder: Path, **options: object) -> DictConfig:
        fixed = {"folder": str(folder), "resume": False, "overwrite": False, "epochs": 3, "launcher": {"name": "local"}}
        fixed |= {"model": {"name": "st_gdn"}}
        return OmegaConf.create(fixed | options)

    @pytest.fixture
    def unfinished(self, tmp_path: Path) -> Path:
        run = claim(self.config(tmp_path))
        assert not run.resumes
        run.last_checkpoint.parent.mkdir()
        run.last_checkpoint.write_bytes(b"weights")
        return tmp_path

    def test_a_single_run_asks(self, unfinished: Path) -> None:
        with pytest.raises(InputError, match="go on with resume=true"):
            claim(self.config(unfinished))
        assert claim(self.config(unfinished, resume=True)).resumes

    def test_a_sweep_goes_on(self, unfinished: Path) -> None:
        assert claim(self.config(unfinished, launcher={"name": "slurm"}), ask=False).resumes
        with pytest.raises(InputError, match="epochs was 3 and is 4"):
            claim(self.config(unfinished, epochs=4), ask=False)

    def test_a_run_from_before_an_option_had_the_value_that_it_names(self, unfinished: Path) -> None:
        with pytest.raises(InputError, match=r"model.whiten was None and is node"):
            claim(self.config(unfinished, resume=True, model={"name": "st_gdn", "whiten": "node"}))
        assert claim(self.config(unfinished, resume=True, model={"name": "st_gdn", "whiten": "none"})).resumes

    def test_overwriting_starts_anew(self, unfinished: Path) -> None:
        assert not claim(self.config(unfinished, overwrite=True), ask=False).resumes
        assert not Run(unfinished, OmegaConf.create()).last_checkpoint.exists()

    @pytest.mark.parametrize("removed", range(7))
    def test_overwriting_that_is_killed_leaves_a_run_to_resume_or_none(
        self, unfinished: Path, monkeypatch: pytest.MonkeyPatch, removed: int
    ) -> None:
        checkpoints = [unfinished / "checkpoints" / f"{name}.ckpt" for name in ("last", "epoch-009", "epoch-019")]
        for path in (*checkpoints, unfinished / "summary.json", unfinished / "metrics.csv", unfinished / "scores.npz"):
            path.write_text("content")
        unlink, done = Path.unlink, []

        def killed(path: Path, missing_ok: bool = False) -> None:
            if len(done) == removed:
                raise KeyboardInterrupt
            done.append(path)
            unlink(path, missing_ok=missing_ok)

        with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
            patched.setattr(Path, "unlink", killed)
            claim(self.config(unfinished, overwrite=True))
        if removed == 0:
            assert (unfinished / "summary.json").exists()
            return
        run = claim(self.config(unfinished, resume=True))
        assert run.resumes == (removed < 4)
        assert (unfinished / "metrics.csv").exists() or not run.resumes
        if run.resumes:
            newest = [path for path in (checkpoints[0], checkpoints[2], checkpoints[1]) if path.exists()]
            assert run.checkpoints == newest
            assert len(newest) == 4 - removed

    def test_an_epochs_checkpoint_is_one_to_go_on_from(self, unfinished: Path) -> None:
        run = Run(unfinished, self.config(unfinished))
        for name in ("epoch-099", "epoch-1000", "my-own", ".last.host-1-2.partial"):
            (unfinished / "checkpoints" / f"{name}.ckpt").touch()
        run.last_checkpoint.unlink()
        assert [path.stem for path in run.checkpoints] == ["epoch-1000", "epoch-099", "my-own"]
        assert run.checkpoint("epoch-099") == unfinished / "checkpoints" / "epoch-099.ckpt"
        with pytest.raises(InputError, match="go on with resume=true"):
            claim(self.config(unfinished))
        assert claim(self.config(unfinished, resume=True)).resumes

    def test_a_job_started_again_goes_on_even_if_it_was_to_overwrite(
        self, unfinished: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
        assert claim(self.config(unfinished, overwrite=True)).resumes
        assert claim(self.config(unfinished)).resumes

    def test_other_processes_of_a_run_only_look(self, unfinished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = (unfinished / "config.yaml").stat().st_mtime_ns
        monkeypatch.setenv("SLURM_PROCID", "1")
        assert claim(self.config(unfinished)).resumes
        assert not claim(self.config(unfinished, overwrite=True)).resumes
        assert (unfinished / "checkpoints" / "last.ckpt").exists()
        assert (unfinished / "config.yaml").stat().st_mtime_ns == before

    def test_a_finished_run_is_kept(self, unfinished: Path) -> None:
        (unfinished / "summary.json").write_text('{"test_top1": 50.0}')
        with pytest.raises(InputError, match="holds a finished run"):
            claim(self.config(unfinished), ask=False)


@pytest.mark.parametrize("root", [{"data_root": "elsewhere"}, {}])
def test_data_that_was_not_below_the_data_folder_cannot_move(tmp_path: Path, root: dict[str, str]) -> None:
    OmegaConf.save({"data": {"store": "data/prepared/demo"}, "model": {}, **root}, tmp_path / "config.yaml")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    assert Run.open(tmp_path).config.data.store == "data/prepared/demo"
    with pytest.raises(InputError, match="data_root does not say where data/prepared/demo is now"):
        Run.open(tmp_path, "moved")


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [("epoch,val/top1\n1,0.9\n2,0.25\n", 0.25), ("epoch,val/top1\n1,\n", 0.5), ("epoch,train/loss\n1,2\n", 0.5)],
)
def test_choosing_goes_by_held_out_subjects_where_there_are_any(tmp_path: Path, metrics: str, expected: float) -> None:
    (tmp_path / "metrics.csv").write_text(metrics)
    (tmp_path / "summary.json").write_text('{"test_top1": 50.0}')
    assert Run(tmp_path, OmegaConf.create()).objective() == expected
    (tmp_path / "metrics.csv").unlink()
    assert Run(tmp_path, OmegaConf.create()).objective() == 0.5


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, 0), ({"SLURM_PROCID": "3"}, 3), ({"LOCAL_RANK": "1", "SLURM_PROCID": "0"}, 1), ({"RANK": "5"}, 5)],
)
def test_rank(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: int) -> None:
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert rank() == expected
