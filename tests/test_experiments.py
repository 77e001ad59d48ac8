"""Experiments as people start them: which runs each command makes, and what a sweep does when it is started again."""

import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf

import stgdn
from stgdn.cli.entry import explanation
from stgdn.cli.notebooks import compose_config
from tests.conftest import ROOT, TINY, RunCommand

ABLATION = ("agcn", "agcn_7l", "st_gdn2", "st_gdn_t", "st_gdn_e", "st_gdcn", "st_gdn")
EXPERIMENTS = sorted((ROOT / "conf" / "experiment").glob("*.yaml"))
pytestmark = pytest.mark.usefixtures("no_pictures")
Launched = Callable[..., list[DictConfig]]


@pytest.fixture
def launched(run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> Launched:
    """The resolved config of every run that a command would make; nothing is trained."""
    configs: list[DictConfig] = []

    def record(self: Any, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:  # noqa: ANN401, ARG001
        for overrides in job_overrides:
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            HydraConfig.instance().set_config(config)
            own = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
            OmegaConf.resolve(own)
            configs.append(own)
        return [JobReturn(status=JobStatus.COMPLETED) for _ in job_overrides]

    def run(*options: str) -> list[DictConfig]:
        configs.clear()
        outcome = run_command("train", *options)
        assert outcome.code == 0, outcome.err
        assert len({config.folder for config in configs}) == len(configs)
        return list(configs)

    launchers = Plugins.instance().class_name_to_class  # Hydra has loaded them anew
    monkeypatch.setattr(launchers["hydra._internal.core_plugins.basic_launcher.BasicLauncher"], "launch", record)
    sweeper = launchers["hydra._internal.core_plugins.basic_sweeper.BasicSweeper"]
    monkeypatch.setattr(sweeper, "validate_batch_is_legal", lambda *_: None)  # `record` composes them all
    return run


def runs(configs: list[DictConfig]) -> list[tuple[str, str, str]]:
    return [(config.data.name, config.model.name, config.data.stream) for config in configs]


class TestTables:
    @pytest.mark.parametrize(
        ("experiment", "expected"),
        [
            ("table1", product(["ntu60_xsub"], ABLATION, ["joint", "bone"])),
            ("table2", product(["ntu60_xsub", "ntu60_xview"], ["st_gdn"], ["joint", "bone"])),
            ("table3", product(["ntu120_xsub", "ntu120_cset"], ["st_gdn"], ["joint", "bone"])),
            ("table4", product(["kinetics"], ["st_gdn"], ["joint", "bone"])),
            ("figure2", product(["ntu60_xsub"], ["st_gcn", "st_gdn2"], ["joint"])),
            ("streams", product(["ntu60_xsub"], ["st_gdn"], ["joint", "bone", "joint_motion", "bone_motion"])),
        ],
    )
    def test_each_is_one_command(self, launched: Launched, experiment: str, expected: Any) -> None:  # noqa: ANN401
        configs = launched(f"experiment={experiment}")
        assert runs(configs) == list(expected)
        assert {config.recipe_name for config in configs} == {"modern" if experiment == "streams" else "letter"}
        assert {config.experiment_name for config in configs} == {experiment}

    def test_on_other_data_with_its_recipe(self, launched: Launched) -> None:
        configs = launched("experiment=table1", "data=demo", "data.stream=bone")
        assert runs(configs) == list(product(["demo"], ABLATION, ["bone"]))
        assert {config.recipe_name for config in configs} == {"demo"}

    def test_recipe_and_seeds_are_swept_like_anything_else(self, launched: Launched) -> None:
        chosen = ("model=agcn_7l,st_gdn", "seed=1,2")
        configs = launched("experiment=table1", "data=nw_ucla", "recipe=modern", *chosen)
        assert len(configs) == 2 * 2 * 2
        assert {(config.recipe_name, config.data.frames) for config in configs} == {("modern", 64)}
        assert {config.seed for config in configs} == {1, 2}

    def test_two_protocols_of_other_data(self, launched: Launched) -> None:
        configs = launched("experiment=table2", "data=demo,demo_xview")
        assert runs(configs) == list(product(["demo", "demo_xview"], ["st_gdn"], ["joint", "bone"]))

    def test_the_command_line_wins(self, launched: Launched) -> None:
        configs = launched("experiment=table1", "model=st_gdn", "data.stream=joint", "optimizer.lr=0.05")
        assert runs(configs) == [("ntu60_xsub", "st_gdn", "joint")]
        assert configs[0].optimizer.lr == 0.05

    def test_a_run_is_called_the_same_alone(self, launched: Launched) -> None:
        swept = launched("experiment=table1", "model=st_gdn", "data=demo", "epochs=2")[-1].folder
        assert launched("-m", "data=demo", "data.stream=bone", "epochs=2", "trainer.devices=4")[0].folder == swept
        assert swept == "outputs/demo/st_gdn/bone/demo-seed1+epochs-2"


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_changes_no_value_that_a_run_is_not_called_by(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    assert content.keys() <= {"defaults", "hydra"}
    assert content["hydra"]["mode"] == "MULTIRUN"


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (
            "experiment=tabel1",
            "unknown experiment 'tabel1', allowed: depth, figure2, options_eps, options_graphs, options_iterations,",
        ),
        ("experiment=tabel1", "did you mean 'table1'?"),
        ("launcher=slrum", "did you mean 'slurm'?"),
        ("recipe=modren", "did you mean 'modern'?"),
        ("trainer=dpp", "did you mean 'ddp'?"),
    ],
)
def test_a_choice_that_is_none_gets_the_nearest(run_command: RunCommand, option: str, told: str) -> None:
    outcome = run_command("train", option)
    assert outcome.code == 1
    assert told in outcome.err
    assert len(outcome.err.splitlines()) == 1


WHITEN = ("none", "node", "frame", "node+frame", "channel")
DEPTH = product(("agcn_4l", "agcn_7l", "agcn_16l"), ("gcn", "gdn2", "pair_norm", "gdn_c"))


@pytest.mark.parametrize(
    ("experiment", "option", "expected"),
    [
        ("depth", "model.blocks", DEPTH),
        ("plugin", "model.whiten", product(("agcn_7l", "ctr_gcn"), WHITEN)),
        ("options_iterations", "model.whitening.iterations", product(("st_gdn",), (1, 3, 15))),
        ("options_statistics", "model.whitening.statistics", [("st_gdn", "instance")]),
        ("options_graphs", "model.graphs", [("st_gdn", "separate")]),
        ("options_eps", "model.whitening.eps", product(("st_gdn",), (1e-3, 1e-1))),
    ],
)
def test_experiments_of_whitening_change_one_thing_at_a_time(
    launched: Launched,
    experiment: str,
    option: str,
    expected: Any,  # noqa: ANN401
) -> None:
    configs = launched(f"experiment={experiment}", "seed=1,2,3")
    found = [(config.model.name, OmegaConf.select(config, option), config.seed) for config in configs]
    assert found == [(*pair, seed) for pair in expected for seed in (1, 2, 3)]
    assert {(config.data.name, config.data.stream, config.recipe_name) for config in configs} == {
        ("nw_ucla", "joint", "nw_ucla")
    }


@pytest.mark.parametrize(
    ("experiment", "options", "blocks"),
    [
        ("depth", ["model=agcn_16l", "model.blocks=pair_norm"], ["pair_norm"] * 16),
        ("depth", ["model=agcn_4l", "model.blocks=gdn_c"], ["gdn_c"] * 4),
        ("plugin", ["model=ctr_gcn", "model.whiten=node+frame"], ["ctr_gcn+node+frame"] * 10),
        ("options_iterations", ["model.whitening.iterations=1"], None),
        ("options_statistics", [], None),
        ("options_graphs", [], None),
        ("options_eps", ["model.whitening.eps=0.1"], None),
    ],
)
def test_a_tiny_run_of_each(run_command: RunCommand, experiment: str, options: list[str], blocks: list | None) -> None:
    outcome = run_command("train", f"experiment={experiment}", "data=demo", *TINY, *options)
    assert outcome.code == 0, outcome.err
    (path,) = Path("outputs").rglob("summary.json")
    summary, network = json.loads(path.read_text()), stgdn.load(path.parent).network
    assert isinstance(network, stgdn.Network)
    assert network.block_names == (blocks or ["gdcn"] * 4 + ["gdn2", "gdn_t", "gdn_e"])
    ranks = summary["smoothing"]["numerical_rank"]
    assert len(ranks) == len(network.block_names)
    assert all(1 <= rank <= 25 for rank in ranks)
    assert options == [] or options[-1].replace("=", "-") in path.parent.name


def test_depth_has_the_same_widths_and_strides_at_every_depth(launched: Launched) -> None:
    rows = {config.model.name: config.model for config in launched("experiment=depth", "model.blocks=gcn")}
    for model in rows.values():
        assert len(model.channels) == len(model.strides) == int(model.name.removeprefix("agcn_").removesuffix("l"))
        assert sorted(set(model.channels)) == [64, 128, 256] == sorted(set(model.channels), key=model.channels.index)
        assert [stride for stride in model.strides if stride != 1] == [2, 2]
        shares = [list(model.channels).count(width) / len(model.channels) for width in (64, 128, 256)]
        assert shares == pytest.approx([4 / 7, 1 / 7, 2 / 7], abs=0.11)


@pytest.mark.parametrize("recipe", ["demo", "nw_ucla", "modern", "ctr_gcn"])
def test_recipes_turn_what_can_be_turned(launched: Launched, recipe: str) -> None:
    (flat,) = launched("-m", "data=kinetics", f"recipe={recipe}")
    assert (list(flat.data.rotate), flat.data.align) == ([0, 0, 0], "none")
    (deep,) = launched("-m", "data=nw_ucla", f"recipe={recipe}")
    assert any(deep.data.rotate)


@pytest.mark.parametrize("recipe", sorted(path.stem for path in (ROOT / "conf" / "recipe").glob("*.yaml")))
@pytest.mark.parametrize("command", ["train", "prepare", "describe", "shard", "import_weights"])
def test_every_recipe_composes_in_every_command_that_has_recipes(command: str, recipe: str) -> None:
    assert compose_config(command, f"recipe={recipe}").recipe_name == recipe


class TestModern:
    @pytest.mark.parametrize(("data", "turns"), [("ntu60_xsub", [17.2] * 3), ("kinetics", [0] * 3), ("pyskl", [0] * 3)])
    def test_turns_bodies_but_not_pictures(self, launched: Launched, data: str, turns: list[float]) -> None:
        (config,) = launched("-m", f"data={data}", "recipe=modern")
        assert list(config.data.rotate) == turns
        assert (config.data.frames, config.data.sampling, config.data.crop) == (64, "resize", 0.5)
        assert config.scheduler.warmup * config.epochs == pytest.approx(5, abs=0.01)
        assert config.loss.label_smoothing == 0.1


def test_started_again_a_sweep_does_only_what_is_missing(run_command: RunCommand) -> None:
    options = ("-m", *TINY, "callbacks.over_smoothing=null", "model=agcn_7l", "optimizer.lr=1e30,0.1")
    first = run_command("train", *options)
    assert first.code == 1
    assert "optimizer.lr-1e+30+width-0.125: the loss is" in first.err
    assert "error: not every run of the sweep has finished" in first.err
    assert "Traceback" not in first.err
    assert "Error executing job" not in first.err  # Hydra's line beside our sentence
    assert "next:" not in first.out
    (summary,) = Path("outputs").rglob("summary.json")  # of the one after the diverging run
    again = run_command("train", *options)
    assert again.code == 1
    assert f"finished before: {summary.parent}" in again.out
    assert f"run      {summary.parent}" not in again.out
    weights = (summary.parent / "checkpoints" / "last.ckpt").read_bytes()
    summary.unlink()
    resumed = run_command("train", *options[:-1], "optimizer.lr=0.1")
    assert resumed.code == 0, resumed.err
    assert f"run      {summary.parent}" in resumed.out
    assert "epoch 1/1" not in resumed.out  # it had trained, only its end was missing
    assert summary.exists()
    assert (summary.parent / "checkpoints" / "last.ckpt").read_bytes() == weights


def test_a_finished_run_of_other_settings_is_not_taken_for_done(run_command: RunCommand) -> None:
    options = ("-m", *TINY, "callbacks.over_smoothing=null", "model=agcn_7l")
    first = run_command("train", *options)
    assert first.code == 0
    assert first.out.count("next:") == 1
    assert first.out.rstrip().endswith("make watch")
    (summary,) = Path("outputs").rglob("summary.json")
    config = summary.with_name("config.yaml")
    config.write_text(config.read_text().replace("lr: 0.1", "lr: 0.5"))
    summary.write_text(json.dumps(json.loads(summary.read_text()) | {"checksums": {}}))
    outcome = run_command("train", *options)
    assert outcome.code == 1
    assert "optimizer.lr was 0.5 and is 0.1" in outcome.err


@pytest.mark.filterwarnings("ignore")  # Optuna 2.10 has many of its own
def test_a_search_goes_by_held_out_subjects(run_command: RunCommand) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="pip install -e '.[search]'")
    options = ("data=demo", "data.holdout=[2]", "model=agcn_7l", "callbacks.over_smoothing=null")
    outcome = run_command("train", "experiment=search", "hydra.sweeper.n_trials=2", *TINY, *options)
    assert outcome.code == 0, outcome.err
    (results,) = Path("outputs").glob("optimization_results.yaml")
    best = yaml.safe_load(results.read_text())
    rows = [path.read_text().splitlines() for path in Path("outputs").rglob("metrics.csv")]
    held_out = [float(lines[-1].split(",")[lines[0].split(",").index("val/top1")]) for lines in rows]
    assert len(held_out) == 2
    assert best["best_value"] == pytest.approx(max(held_out))


@pytest.mark.filterwarnings("ignore")
def test_a_search_goes_on_after_runs_that_diverge(run_command: RunCommand) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="pip install -e '.[search]'")
    options = ("data=demo", "data.holdout=[2]", "model=agcn_7l", "callbacks.over_smoothing=null")
    lr = "optimizer.lr=choice(1e30,0.01)"
    outcome = run_command("train", "experiment=search", "hydra.sweeper.n_trials=4", *TINY, *options, lr)
    assert outcome.code == 0, outcome.err
    assert 1 <= outcome.err.count("diverged: outputs/") <= 3
    (results,) = Path("outputs").glob("optimization_results.yaml")
    best = yaml.safe_load(results.read_text())
    assert best["best_params"]["optimizer.lr"] == 0.01
    assert best["best_value"] > 0


def test_a_search_without_optuna_says_how_to_get_it() -> None:
    missing = MissingConfigException("", "hydra/sweeper/optuna", ["basic"])
    assert "pip install -e '.[search]'" in str(explanation(missing))
