"""Joints in the plane: features against slow averages, picture and page, and the command on made-up runs."""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from matplotlib.image import imread
from omegaconf import OmegaConf
from tests.conftest import ROOT, RunCommand

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.data.batches.transforms import ClipSettings
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.inference.load import chosen_device
from stgdn.model.network import Network
from stgdn.reports.figures.embedding import (
    JointFeatures,
    Panel,
    class_label,
    joint_features,
    time_averages,
    tsne_positions,
)
from stgdn.reports.figures.embedding_figure import embedding_figure, embedding_page, joint_colours
from stgdn.reports.figures.run_pair import default_path, distinct_names, open_pair
from stgdn.skeleton import KINECT20, LAYOUTS
from stgdn.training.callbacks.over_smoothing import MEASURES
from stgdn.training.trainer import build_recognizer

CPU = torch.device("cpu")


def small_network(joints: str = "ntu25") -> Network:
    torch.manual_seed(0)
    return Network([8, 12], [1, 2], "gdn2", num_classes=14, frames=8, bodies=2, layout=joints)


@pytest.fixture(scope="module")
def data(tiny_store: Store) -> SkeletonData:
    return SkeletonData(tiny_store, "ntu60_xsub", ClipSettings(frames=8, bodies=2), batch_size=4)


class TestFeatures:
    def test_averages_leave_out_frames_and_bodies_that_are_not_seen(self) -> None:
        network = small_network("kinect20").eval()
        clips = torch.randn(3, 3, 8, 20, 2)
        clips[0, ..., 1] = 0
        clips[1, :, 3:, :, 0] = 0
        with torch.no_grad():
            means, seen = time_averages(network, clips)
            features = network.features(clips).unflatten(0, (3, 2))  # N M C T V
        assert seen.tolist() == [[True, False], [True, True], [True, True]]
        torch.testing.assert_close(means[1, 0], features[1, 0, :, :2].mean(dim=1).T)  # frames 0 and 2 of 8
        torch.testing.assert_close(means[2, 1], features[2, 1].mean(dim=1).T)
        assert not means[0, 1].any()

    def test_all_test_clips_of_a_class_and_only_bodies_that_are_seen(self, data: SkeletonData) -> None:
        label = 12  # performed by two
        network = small_network()
        found = joint_features(network, data, label, CPU)
        test = [index for index in data.splits["test"] if data.store.clips["label"][index] == label]
        assert set(found.clips) == set(data.store.clips["name"][test])
        bodies = int((data.store.clips["frames"][test] > 0).sum())
        assert found.values.shape == (bodies, 25, 12)
        assert set(found.bodies) == {0, 1}
        first = data.batches(np.array(test[:1]), None, 0, 1)
        clip = next(first[0][key]["clips"] for key in first[1])
        with torch.no_grad():
            expected = network.features(clip)[0].mean(dim=1).T
        (at,) = np.flatnonzero((found.clips == data.store.clips["name"][test[0]]) & (found.bodies == 0))
        np.testing.assert_allclose(found.values[at], expected, rtol=1e-4, atol=1e-5)


def made_up(bodies: int = 8, spread: float = 0.1, joints: int = 20) -> JointFeatures:
    """Joints that differ by 1 in a direction of their own, and by `spread` from body to body."""
    rng = np.random.default_rng(0)
    values = np.eye(joints, dtype=np.float32) + spread * rng.standard_normal((bodies, joints, joints)) / joints
    names = np.array([f"clip</script>{number}" for number in range(bodies)])
    return JointFeatures(values.astype(np.float32), names, np.zeros(bodies, np.int64))


class TestPlane:
    def test_the_same_every_time_and_joints_that_differ_lie_apart(self) -> None:
        features = made_up(5)
        positions = tsne_positions(features)
        np.testing.assert_array_equal(positions, tsne_positions(features))
        centres = positions.mean(axis=0)
        nearest = np.linalg.norm(positions[:, :, None] - centres, axis=3).argmin(axis=2)
        assert (nearest == np.arange(20)).all()

    def test_one_body_alone(self) -> None:
        positions = tsne_positions(made_up(1))
        assert positions.shape == (1, 20, 2)
        assert np.isfinite(positions).all()

    def test_joints_that_are_all_the_same_have_one_place(self) -> None:
        features = made_up()
        same = dataclasses.replace(features, values=np.ones_like(features.values))
        assert not tsne_positions(same).any()


def panel(name: str, features: JointFeatures) -> Panel:
    smoothing = {measure: [0.5, 0.25] for measure in MEASURES}
    positions = features.values[..., :2].copy()
    return Panel(name, f"{name}: recipe made up", KINECT20, features, positions, smoothing)


class TestPictureAndPage:
    @pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
    def test_every_joint_has_a_colour_of_its_own(self, layout: Any) -> None:  # noqa: ANN401
        colours = joint_colours(layout)
        assert len(set(colours)) == layout.num_joints
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)

    def test_picture_has_both_runs_every_joint_and_the_title(self) -> None:
        figure = embedding_figure([panel("first", made_up()), panel("second", made_up())], "data (synthetic people)")
        assert figure.get_suptitle() == "data (synthetic people)"
        assert [axes.get_title() for axes in figure.axes] == ["first: recipe made up", "second: recipe made up"]
        assert all(len(axes.texts) == 20 for axes in figure.axes)
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()][3] == "3 head"

    def test_page_holds_all_points_and_needs_nothing_else(self) -> None:
        features = made_up()
        page = embedding_page([panel("first", features), panel("second", features)], "a < b", "a note")
        assert not re.search(r"https?:|src=|@import|url\(", page)
        assert page.count("</script>") == 2
        (written,) = re.findall(r'<script id="content" type="application/json">(.*?)</script>', page, re.DOTALL)
        content = json.loads(written)
        assert content["title"] == "a < b"
        assert content["joints"] == list(KINECT20.joints)
        assert len(content["numbers"]) == 2 * len(MEASURES)
        for part in content["panels"]:
            assert len(part["x"]) == len(part["y"]) == 8 * 20
            assert 0 <= min(part["x"] + part["y"]) <= max(part["x"] + part["y"]) <= 1
            assert [content["clips"][clip] for clip, _ in part["bodies"]] == features.clips.tolist()
        positions = features.values[..., :2].reshape(-1, 2)
        x = np.array(content["panels"][0]["x"])
        assert np.corrcoef(x, positions[:, 0])[0, 1] == pytest.approx(1, abs=1e-6)

    def test_page_of_one_place(self) -> None:
        flat = panel("flat", made_up())
        flat = dataclasses.replace(flat, positions=np.zeros_like(flat.positions))
        assert "NaN" not in embedding_page([flat, flat], "", "")


MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(run_command: RunCommand) -> MakeRun:  # noqa: ARG001
    """Make the folder of a finished run, without training, on the small demo set."""

    def make(model: str, *options: str, finished: bool = True) -> Path:
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            config = compose("train", [f"model={model}", "width=0.125", "data.frames=16", *options])
        folder = Path("outputs") / model / f"demo-seed{config.seed}-{config.data.stream}"
        config.folder, config.experiment_name = str(folder), None
        (folder / "checkpoints").mkdir(parents=True)
        OmegaConf.save(config, folder / "config.yaml", resolve=True)
        torch.save({"state_dict": build_recognizer(config).state_dict()}, folder / "checkpoints" / "last.ckpt")
        if finished:
            facts = {"data": "demo", "synthetic": True, "model": model, "stream": config.data.stream, "epochs": 1}
            costs = {"parameters": 1, "flops": 1, "clip_shape": [3, 16, 25, 2], "test_top1": 50.0}
            summary = facts | costs | {"seed": config.seed, "recipe": "demo"}
            (folder / "summary.json").write_text(json.dumps(summary))
        return folder

    return make


def test_command_draws_both_and_prints_the_numbers(
    run_command: RunCommand, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "stgdn.reports.figures.embedding.tsne_positions", lambda features, _: features.values[..., :2]
    )  # t-SNE is slow
    runs = [make_run("st_gcn"), make_run("st_gdn2", "batch_size=16")]
    outcome = run_command("figure2", f"runs=[{','.join(map(str, runs))}]", "class=throw", "clips=4", "logger.wandb=off")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    first, second = (run.name for run in runs)
    stem = f"outputs/demo/figure2/joint-throw-st_gcn-{first}-st_gdn2-{second}"
    assert f"{stem}.png\n{stem}.html" in outcome.out
    for text in (*MEASURES, "st_gcn: 6 clips", "st_gdn2: 6 clips", "measured on 4", "batch_size 32 and 16"):
        assert text in " ".join(outcome.out.split())
    assert imread(f"{stem}.png").std() > 0.01
    assert "demo (synthetic people), stream joint, class 'throw'" in Path(f"{stem}.html").read_text()


def test_the_page_lies_beside_the_picture(
    run_command: RunCommand, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "stgdn.reports.figures.embedding.tsne_positions", lambda features, _: features.values[..., :2]
    )  # t-SNE is slow
    runs = f"runs=[{make_run('st_gcn')},{make_run('st_gdn2')}]"
    options = ("class=throw", "clips=4", "logger.wandb=off", "picture=joints.v2.svg")
    assert run_command("figure2", runs, *options).code == 0
    assert {path.name for path in Path().glob("joints*")} == {"joints.v2.svg", "joints.v2.html"}


def test_pictures_of_two_pairs_lie_in_two_files(make_run: MakeRun, tmp_path: Path) -> None:
    runs = []
    for rate in (0.1, 0.05, 0.2):
        run = make_run("st_gcn", f"optimizer.lr={rate}")
        runs.append(run.rename(run.with_name(f"demo-seed1+optimizer.lr-{rate}")))
    moved = [tmp_path / f"elsewhere{number}" / run.name for number, run in enumerate(runs[:1] * 2)]
    for run, other in zip(runs[:1] * 2, moved, strict=True):
        shutil.copytree(run, other)
    pairs = [(runs[0], runs[1]), (runs[0], runs[2]), (runs[0], moved[0]), (runs[0], moved[1])]
    paths = [default_path("outputs", open_pair(pair), "throw") for pair in pairs]
    assert len(set(paths)) == len(pairs)
    assert all(len(path.name) < 255 for path in paths)
    names = distinct_names([result for _, result in open_pair(pairs[0])])
    assert names == ["st_gcn, optimizer.lr 0.1", "st_gcn, optimizer.lr 0.05"]


class TestMistakes:
    def test_command_says_them_in_one_sentence(self, run_command: RunCommand, make_run: MakeRun) -> None:
        runs = [make_run("agcn_7l"), make_run("st_gdn2")]
        both = f"runs=[{','.join(map(str, runs))}]"
        for options, told in (
            ([both, "class=thow"], "did you mean 'throw'"),
            ([both, "class=throw", "picture=joints.gif"], "must end in .png or .pdf or .svg"),
            ([both, "class=throw", "accelerator=tpu"], "unknown accelerator 'tpu'"),
            ([f"runs=[{runs[0]},outputs/none]", "class=throw"], f"no run at outputs/none; runs there are: {runs[0]}"),
            ([both, "class=throw", "clips=0"], "clips=0"),
        ):
            outcome = run_command("figure2", *options)
            assert outcome.code == 1
            assert told in outcome.err
            assert len(outcome.err.splitlines()) == 1
        assert not list(Path().rglob("*.html"))

    def test_runs_that_cannot_be_compared(self, make_run: MakeRun) -> None:
        first, bones = make_run("agcn_7l"), make_run("agcn_7l", "data.stream=bone")
        begun = make_run("st_gdn2", finished=False)
        for folders, told in (
            ([first, begun], "holds an unfinished run"),
            ([first, bones], r"different data \(data.stream=joint and bone\)"),
            ([first, first], "is not two runs"),
            ([first], "is not two runs"),
            (str(first), "is not two runs"),
        ):
            with pytest.raises(InputError, match=told):
                open_pair(folders)

    def test_a_class_without_test_clips(self, tiny_store: Store) -> None:
        data = SkeletonData(tiny_store, "ntu60_xsub", ClipSettings(frames=8, bodies=2))
        data.splits["test"] = data.splits["test"][data.store.clips["label"][data.splits["test"]] != 0]
        with pytest.raises(InputError, match="no test clip is of class"):
            class_label(data, tiny_store.header.classes[0])

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
    def test_no_gpu(self) -> None:
        assert chosen_device("auto") == chosen_device("cpu") == CPU
        with pytest.raises(InputError, match="finds no GPU here"):
            chosen_device("gpu")
