"""Learning rates against closed forms, and every optimizer, schedule and recipe together."""

import math
from itertools import product

import lightning
import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from tests.conftest import ROOT
from tests.training.test_recognizer import random_batches
from torch.utils.data import DataLoader

from stgdn.cli.notebooks import compose_config
from stgdn.training.recognizer import letter_sgd
from stgdn.training.schedulers import cosine, step
from stgdn.training.trainer import build_recognizer


def rates(schedule: object, steps: int, **options: object) -> list[float]:
    """The learning rates of all steps, for one of 2."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = schedule(optimizer, steps, **options)  # pyright: ignore[reportCallIssue]
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_cosine() -> None:
    expected = [2 * math.cos((number + 0.5) / 8 * math.pi / 2) ** 2 for number in range(8)]
    assert rates(cosine, 8) == pytest.approx(expected)


def test_a_warm_up_rises_linearly_then_meets_the_cosine() -> None:
    found = rates(cosine, 100, warmup=0.2)
    assert found[:20] == pytest.approx([2 * (number + 0.5) / 20 for number in range(20)])
    assert found[59:61] == pytest.approx([1 + math.sin(math.pi / 160), 1 - math.sin(math.pi / 160)])  # half-way
    assert found[-1] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("warmup", [0.0, 0.1])
def test_steps_of_2s_agcn(warmup: float) -> None:
    found = rates(step, 50, warmup=warmup)
    begin = int(50 * warmup)
    assert found[begin:] == pytest.approx([2.0] * (30 - begin) + [0.2] * 10 + [0.02] * 10)


def test_steps_of_ctr_gcn() -> None:
    config = compose_config("train", "recipe=ctr_gcn", "data=ntu60_xsub")
    made = instantiate(config.scheduler)
    found = rates(made, 65 * 10)[9::10]  # behind each epoch of ten steps
    warm_up = [2 * (epoch + 1) / 5 for epoch in range(5)]
    assert found[:5] == pytest.approx(warm_up, rel=0.06)  # it rises step by step
    assert found[5:] == pytest.approx([2.0] * 30 + [0.2] * 20 + [0.02] * 10)
    assert np.radians(config.data.rotate) == pytest.approx([0.3] * 3)
    assert (config.epochs, config.data.frames, config.data.sampling, config.data.crop) == (65, 64, "crop_resize", 0.5)
    assert (config.optimizer.lr, config.optimizer.weight_decay, config.batch_size) == (0.1, 4e-4, 64)


def test_the_default_optimizer_is_that_of_the_config() -> None:
    config = compose_config("train")
    assert {"_target_": "torch.optim.SGD", "_partial_": True, **letter_sgd.keywords} == config.optimizer


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


@pytest.mark.filterwarnings(
    *("ignore:.*does not have many workers", "ignore:.*treespec", "ignore:.*logging interval"),
    "ignore:.*no `val_dataloader`",
)
@pytest.mark.parametrize("recipe", choices("recipe"))
@pytest.mark.parametrize(("optimizer", "scheduler"), list(product(choices("optimizer"), choices("scheduler"))))
def test_all_train_together(recipe: str, optimizer: str, scheduler: str) -> None:
    config = compose_config(
        "train",
        *("data=nw_ucla", f"recipe={recipe}", f"optimizer={optimizer}", f"scheduler={scheduler}", "batch_size=32"),
        *("model.channels=[8]", "model.strides=[1]", "model.blocks=gcn", "width=1", "data.frames=8"),
        *("data.num_classes=7", "data.layout=kinect20"),
    )
    recognizer = build_recognizer(config)
    before = [parameter.detach().clone() for parameter in recognizer.parameters()]
    trainer = lightning.Trainer(
        max_steps=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(recognizer, DataLoader(random_batches(2), batch_size=None))  # pyright: ignore[reportArgumentType]
    changed = zip(recognizer.parameters(), before, strict=True)
    assert any(not torch.equal(parameter, old) for parameter, old in changed)
    (group,) = trainer.optimizers[0].param_groups
    assert group["weight_decay"] == config.optimizer.weight_decay
    assert group["initial_lr"] == pytest.approx(config.optimizer.lr / 2)  # lr is for 64 clips
    assert recognizer.loss.label_smoothing == config.loss.label_smoothing == (0.1 if recipe == "modern" else 0)
