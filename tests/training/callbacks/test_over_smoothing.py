"""Over-smoothing measures against closed forms and slow loops; the callback in a real training."""

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.plugins import Precision
from tests.conftest import TINY, RunCommand
from tests.training.literal import slow_measures
from torch import Tensor

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.data.batches.transforms import ClipSettings
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.model.empty_bodies import seen_frames
from stgdn.model.network import Network
from stgdn.runs.layers import load_layers
from stgdn.skeleton import KINECT20
from stgdn.training.callbacks.over_smoothing import (
    LARGEST_RATIO,
    MEASURES,
    OverSmoothing,
    between_within,
    covariance,
    dirichlet_energy,
    effective_rank,
    layer_measures,
    mean_average_distance,
    measure,
    numerical_rank,
    sample_clips,
)

V, T, C = 6, 5, 8
PATH = tuple((joint + 1, joint) for joint in range(V - 1))
EVERYBODY = torch.ones(3, T, dtype=torch.bool)


def random_features(B: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(B, C, T, V, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def identical_joints() -> Tensor:
    return random_features()[..., :1].expand(-1, -1, -1, V)


def constant(graph: Tensor) -> Tensor:
    """Features (3, C, T, V) that are `graph` (V, C) in every body and frame."""
    return graph.T[None, :, None].expand(3, -1, T, -1)


class TestMeanAverageDistance:
    def test_identical_joints_are_at_no_distance(self) -> None:
        assert mean_average_distance(identical_joints(), EVERYBODY) == pytest.approx(0, abs=1e-12)
        assert mean_average_distance(torch.zeros(3, C, T, V), EVERYBODY) == 0

    def test_orthogonal_joints_are_at_distance_one_whatever_their_norms(self) -> None:
        scales = torch.arange(1.0, V + 1)[:, None]
        assert mean_average_distance(constant(torch.eye(V, C) * scales), EVERYBODY) == pytest.approx(1)

    def test_two_opposite_halves(self) -> None:
        halves = torch.ones(V, C) * torch.tensor([1.0, 1, 1, -1, -1, -1])[:, None]
        # Of the 15 pairs 9 are at distance 2.
        assert mean_average_distance(constant(halves), EVERYBODY) == pytest.approx(9 * 2 / 15)

    def test_a_silent_joint_is_a_direction_of_its_own(self) -> None:
        graph = torch.ones(V, C)
        graph[:2] = 0
        # 8 of the 15 pairs are of a silent joint and another one.
        assert mean_average_distance(constant(graph), EVERYBODY) == pytest.approx(8 / 15)


class TestDirichletEnergy:
    def test_identical_joints_have_none(self) -> None:
        assert dirichlet_energy(identical_joints(), EVERYBODY, PATH) == 0
        assert dirichlet_energy(torch.zeros(3, C, T, V), EVERYBODY, PATH) == 0

    @pytest.mark.parametrize("k", range(V))
    def test_cosines_on_a_path_are_eigenvectors(self, k: int) -> None:
        waves = torch.cos(math.pi * k * torch.arange(V) / (V - 1))
        amplitudes = torch.arange(1.0, C + 1)
        found = dirichlet_energy(constant(waves[:, None] * amplitudes), EVERYBODY, PATH)
        assert found == pytest.approx(1 - math.cos(math.pi * k / (V - 1)), abs=1e-6)

    def test_orthogonal_joints_of_one_norm(self) -> None:
        assert dirichlet_energy(constant(torch.eye(V, C)), EVERYBODY, PATH) == pytest.approx(1)


class TestEffectiveRank:
    def test_closed_forms(self) -> None:
        direction = torch.arange(1.0, V + 1, dtype=torch.float64)
        assert effective_rank(torch.outer(direction, direction)) == pytest.approx(1)
        assert effective_rank(3 * torch.eye(V)) == pytest.approx(V)
        assert effective_rank(torch.diag(torch.tensor([5.0, 5, 0, 0]))) == pytest.approx(2)
        assert effective_rank(torch.diag(torch.tensor([0.5, 0.25, 0.25]))) == pytest.approx(2**1.5)
        assert effective_rank(torch.zeros(V, V)) == 0

    def test_identical_joints_leave_one_direction(self) -> None:
        assert effective_rank(covariance(identical_joints(), EVERYBODY, "node")) == pytest.approx(1)

    def test_a_body_that_holds_still_leaves_one_direction_of_frames(self) -> None:
        still = random_features()[:, :, :1].expand(-1, -1, T, -1)
        assert effective_rank(covariance(still, EVERYBODY, "frame")) == pytest.approx(1)

    def test_independent_joints_leave_nearly_all(self) -> None:
        noise = torch.randn(200, C, T, V, generator=torch.Generator().manual_seed(1))
        seen = torch.ones(200, T, dtype=torch.bool)
        assert effective_rank(covariance(noise, seen, "node")) == pytest.approx(V, abs=0.01)


class TestBetweenWithin:
    def test_identical_joints_have_nothing_between_them(self) -> None:
        assert between_within(identical_joints(), EVERYBODY) == pytest.approx(0, abs=1e-12)
        assert between_within(torch.zeros(3, C, T, V), EVERYBODY) == 0

    def test_known_variances(self) -> None:
        offsets = torch.tensor([-3.0, -1, 0, 0, 1, 3])  # variance 20 / 6 about their mean
        swing = torch.tensor([2.0, -2.0]).repeat(2)[:, None]  # variance 4 over frames
        x = (offsets + swing)[None, None].expand(2, 1, 4, V)
        assert between_within(x, torch.ones(2, 4, dtype=torch.bool)) == pytest.approx(20 / 6 / 4)

    def test_joints_that_never_change_are_capped(self) -> None:
        assert between_within(constant(torch.eye(V, C)), EVERYBODY) == pytest.approx(LARGEST_RATIO)


class TestNumericalRank:
    def test_identical_and_proportional_joints_have_rank_one(self) -> None:
        assert numerical_rank(identical_joints(), EVERYBODY) == pytest.approx(1)
        scales = torch.arange(-2.0, V - 2)[:, None]
        assert numerical_rank(constant(torch.arange(1.0, C + 1) * scales), EVERYBODY) == pytest.approx(1)

    def test_closed_forms(self) -> None:
        assert numerical_rank(constant(3 * torch.eye(V, C)), EVERYBODY) == pytest.approx(V)
        scales = torch.tensor([2.0, 1, 1, 0, 0, 0])[:, None]
        assert numerical_rank(constant(torch.eye(V, C) * scales), EVERYBODY) == pytest.approx(6 / 4)
        assert numerical_rank(torch.zeros(3, C, T, V), EVERYBODY) == 0
        assert numerical_rank(random_features(), torch.zeros(3, T, dtype=torch.bool)) == 0

    def test_features_that_are_not_finite_have_none(self) -> None:
        assert math.isnan(numerical_rank(random_features() / 0, EVERYBODY))

    def test_it_sees_what_distances_miss(self) -> None:
        """Joints on two opposite rays: as far apart as can be, but of one direction."""
        halves = constant(torch.ones(V, C) * torch.tensor([1.0, 1, 1, -1, -1, -1])[:, None])
        assert mean_average_distance(halves, EVERYBODY) > 1
        assert numerical_rank(halves, EVERYBODY) == pytest.approx(1)


@pytest.mark.parametrize("seed", [0, 1])
def test_all_measures_are_those_of_slow_loops_and_leave_out_who_is_not_seen(seed: int) -> None:
    x = random_features(4, seed) + torch.randn(V, generator=torch.Generator().manual_seed(seed))
    seen = torch.rand(4, T, generator=torch.Generator().manual_seed(seed)) < 0.6
    seen[0], seen[3] = True, False
    bones = ((1, 0), (2, 1), (3, 1), (4, 0), (5, 4))
    expected = slow_measures(x, seen, bones)
    assert layer_measures(x, seen, bones) == pytest.approx(expected, rel=1e-9)
    unseen = x.where(seen[:, None, :, None], 1e3)
    assert layer_measures(unseen, seen, bones) == pytest.approx(expected, rel=1e-9)
    assert layer_measures(x.float() * 7, seen, bones) == pytest.approx(expected, rel=1e-4)


def test_what_has_diverged_is_no_number_and_no_crash() -> None:
    found = layer_measures(torch.full((3, C, T, V), torch.nan), EVERYBODY, PATH)
    assert all(math.isnan(value) for value in found.values())


def network(blocks: str = "gdn_e", style: str = "agcn") -> Network:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"num_classes": 4, "frames": 8, "bodies": 2, "layout": "kinect20"}
    return Network([8, 8, 16], [1, 2, 2], blocks, style=style, **sizes)


def clips_with_gaps() -> Tensor:
    clips = torch.randn(3, 3, 8, 20, 2, generator=torch.Generator().manual_seed(2))
    clips[0, ..., 1] = 0
    clips[1, :, 5:, :, 0] = 0
    return clips


class TestMeasure:
    @pytest.mark.parametrize(("blocks", "style"), [("gdn_e", "agcn"), ("st_gcn", "st_gcn")])
    def test_by_layer_in_evaluation_through_strides(self, blocks: str, style: str) -> None:
        model, clips = network(blocks, style), clips_with_gaps()
        model.train()
        found = measure(model, clips, KINECT20.bones)
        assert model.training
        assert tuple(found) == MEASURES
        seen, layers = seen_frames(clips).flatten(0, 1), []
        model.eval().features(clips, lambda _, x: layers.append(x.detach().double()))
        for number, step in enumerate((1, 2, 4)):
            expected = slow_measures(layers[number], seen[:, ::step], KINECT20.bones)
            assert {name: found[name][number] for name in MEASURES} == pytest.approx(expected, rel=1e-3)

    def test_running_statistics_and_random_numbers_are_left_alone(self) -> None:
        model = network("gdcn").train()
        before = {key: value.clone() for key, value in model.state_dict().items()}
        state = torch.get_rng_state()
        measure(model, clips_with_gaps(), KINECT20.bones)
        assert torch.equal(torch.get_rng_state(), state)
        assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())

    def test_autocast_does_not_reach_the_measures(self) -> None:
        model, clips = network("gcn").double(), clips_with_gaps().double()
        exact = measure(model, clips, KINECT20.bones)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = {name: layers[-1] for name, layers in measure(model.float(), clips.float(), KINECT20.bones).items()}
        assert rough == pytest.approx({name: layers[-1] for name, layers in exact.items()}, rel=0.05)


@pytest.fixture
def data(tiny_store: Store) -> SkeletonData:
    return SkeletonData(tiny_store, "ntu60_xsub", ClipSettings(frames=8, bodies=2), batch_size=16)


class TestSample:
    def test_the_same_test_clips_every_time(self, data: SkeletonData, tiny_store: Store) -> None:
        first = sample_clips(data, 20)
        assert first.shape == (20, 3, 8, 25, 2)
        other = SkeletonData(tiny_store, "ntu60_xsub", data.settings, batch_size=7, seed=5)
        assert torch.equal(sample_clips(other, 20), first)
        loader = torch.cat([batch["clips"] for batch in data.test_dataloader()])
        assert all((loader == clip).flatten(1).all(dim=1).any() for clip in first)

    def test_all_there_are_where_more_are_wanted(self, data: SkeletonData) -> None:
        assert len(sample_clips(data, 10_000)) == len(data.splits["test"])
        labels = data.store.clips["label"][data.splits["test"]]
        assert len(sample_clips(data, 10_000, label=3)) == (labels == 3).sum() > 0


class TestCallback:
    @pytest.mark.parametrize(("epochs", "due"), [(1, [0]), (4, [1, 3]), (5, [1, 3, 4])])
    def test_measures_every_so_many_epochs_and_the_last(self, data: SkeletonData, epochs: int, due: list[int]) -> None:
        torch.manual_seed(0)
        model = Network([8], [1], "gcn", num_classes=14, frames=8)
        callback, logged = OverSmoothing(clips=4, every=2), set()
        for epoch in range(epochs):
            trainer = stand_in(data, epoch, epochs)
            module = SimpleNamespace(
                network=model, device="cpu", log=lambda name, *_, epoch=epoch, **__: logged.add((epoch, name))
            )
            callback.on_train_epoch_end(trainer, module)  # pyright: ignore[reportArgumentType]
        assert logged == {(epoch, f"smoothing/{name}/layer1") for epoch in due for name in MEASURES}

    def test_other_ranks_measure_nothing(self, data: SkeletonData) -> None:
        trainer = stand_in(data, 0, 1)
        trainer.is_global_zero = False
        OverSmoothing().on_train_epoch_end(trainer, SimpleNamespace())  # pyright: ignore[reportArgumentType]

    @pytest.mark.parametrize("options", [{"clips": 0}, {"every": -1}])
    def test_numbers_out_of_range(self, options: dict[str, int]) -> None:
        with pytest.raises(InputError, match=rf"over_smoothing\.{next(iter(options))}=.*over_smoothing=null measures"):
            OverSmoothing(**options)


def stand_in(data: SkeletonData, epoch: int, epochs: int) -> Any:  # noqa: ANN401
    """Return an object with the attributes of a trainer that the callback reads."""
    plugin = Precision()
    return SimpleNamespace(
        current_epoch=epoch, max_epochs=epochs, is_global_zero=True, datamodule=data, precision_plugin=plugin
    )


def rows(folder: Path) -> Iterator[dict[str, str]]:
    (path,) = folder.rglob("metrics.csv")
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


def test_a_run_keeps_the_numbers_of_every_epoch(run_command: RunCommand) -> None:
    options = ("epochs=2", "trainer.limit_train_batches=1", "callbacks.over_smoothing.clips=8", "scheduler.warmup=0")
    outcome = run_command("train", "model=st_gdn2", *TINY, *options)
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    found = list(rows(Path("outputs")))
    assert len(found) == 2
    for row in found:
        for name in MEASURES:
            values = [float(row[f"smoothing/{name}/layer{number}"]) for number in range(1, 8)]
            assert all(value > 0 for value in values)
    assert found[0]["smoothing/mad/layer7"] != found[1]["smoothing/mad/layer7"]
    (path,) = Path("outputs").rglob("summary.json")
    kept = json.loads(path.read_text())["smoothing"]
    last = {name: [float(found[1][f"smoothing/{name}/layer{number}"]) for number in range(1, 8)] for name in MEASURES}
    assert kept == last
    assert load_layers(path.with_name("layers.npz"))["layer7.node.root"].shape == (25, 25)
