"""Clips without variance, of one moving joint or of tiny coordinates: training stays finite.

`STGDN_STEPS=500` in the environment trains for longer than is usual. Clips in another unit are refused, see
tests/data/store/test_verified.py.
"""

import os
from contextlib import nullcontext

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from tests.conftest import ROOT
from torch import Tensor

from stgdn.training.divergence import finite_gradients
from stgdn.training.recognizer import letter_sgd

STEPS = int(os.environ.get("STGDN_STEPS", "30"))
N, C, T, V, M = 4, 3, 8, 25, 1


def clips(kind: str, generator: torch.Generator) -> Tensor:
    """Return clips (N, C, T, V, M): all poses the same, one joint moving, random of 1e-6 m, or random as metres."""
    pose = torch.linspace(-1, 1, C * V).view(1, C, 1, V, 1).expand(N, C, T, V, M).clone()
    noise = torch.randn(N, C, T, V, M, generator=generator)
    if kind == "one joint":
        pose[:, :, :, 7] += noise[:, :, :, 7]
    return {"1e-6": 1e-6 * noise, "metres": noise}.get(kind, pose)


@pytest.mark.parametrize(
    ("kind", "precision"),
    [("constant", "32"), ("constant", "bf16"), ("one joint", "32"), ("one joint", "bf16"), ("1e-6", "32")],
)
@pytest.mark.parametrize("model", ["st_gdn", "agcn_7l"])
def test_stays_finite(model: str, kind: str, precision: str) -> None:
    options = ["width=0.0625", f"data.frames={T}", f"data.bodies={M}", "data.layout=ntu25", "data.num_classes=5"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        torch.manual_seed(0)
        network = instantiate(compose("train", overrides=[f"model={model}", *options]).model)
    optimizer, generator = letter_sgd(network.parameters()), torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        given, labels = clips(kind, generator), torch.randint(5, (N,), generator=generator)
        with torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else nullcontext():
            loss = torch.nn.functional.cross_entropy(network(given).float(), labels)
        assert bool(loss.isfinite())
        optimizer.zero_grad()
        loss.backward()
        assert bool(finite_gradients(network.parameters()))
        optimizer.step()
    with torch.no_grad():
        assert bool(network.eval()(clips("metres", generator)).isfinite().all())
