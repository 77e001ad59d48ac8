"""The public names of the package, and the code of docs/python.md as it stands there."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import stgdn
from tests.conftest import Outcome
from tests.test_readme import blocks


def test_names_are_imported_when_they_are_asked_for() -> None:
    program = "import sys, stgdn; assert 'torch' not in sys.modules"
    ended = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert all(getattr(stgdn, name).__name__ == name for name in stgdn.__all__)
    assert set(stgdn.__all__) <= set(dir(stgdn))
    with pytest.raises(AttributeError, match="has no attribute 'Netwrok'; it has Network, "):
        stgdn.Netwrok  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def page_networks() -> dict[str, nn.Module]:
    """The networks of other projects that the page has, made by its code."""
    names: dict[str, Any] = {}
    for block in blocks("python.md", "python")[:3]:
        exec(block, names)
    return {name: names[name] for name in ("joints", "images")}


def correlated(*shape: int, axis: int) -> Tensor:
    """Features whose entries along `axis` have means and are correlated; their covariance has eigenvalues 1 to 4."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(*shape, generator=generator).movedim(axis, -1)
    D = x.shape[-1]
    directions = torch.linalg.qr(torch.randn(D, D, generator=generator))[0]
    return (x @ (directions * torch.linspace(1, 2, D) @ directions.T) + torch.arange(D)).movedim(-1, axis)


def mean_and_covariance(x: Tensor, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance along an axis of x, over all other axes."""
    samples = x.detach().double().movedim(axis, -1).flatten(0, -2).numpy()
    return samples.mean(axis=0), np.cov(samples.T, bias=True)


@pytest.mark.parametrize(
    ("network", "number", "axis", "shape"),
    [("joints", 0, 3, (64, 3, 32, 25)), ("joints", 1, 2, (64, 16, 32, 25)), ("images", 0, 1, (64, 3, 28, 28))],
)
def test_whitening_in_other_networks_whitens(network: str, number: int, axis: int, shape: tuple[int, ...]) -> None:
    """In training the output is white; in evaluation each clip is transformed by the running statistics alone."""
    layers = [part for part in page_networks()[network].modules() if isinstance(part, stgdn.Whitening)]
    layer, x = layers[number], correlated(*shape, axis=axis)
    mean, covariance = mean_and_covariance(layer(x), axis)
    np.testing.assert_allclose(mean, 0, atol=1e-3)
    np.testing.assert_allclose(covariance, np.eye(len(covariance)), atol=0.1)
    before = mean_and_covariance(x, axis)[1]
    assert np.abs(before - np.diag(np.diag(before))).max() > 0.4
    for _ in range(100):  # until the running averages are those of x
        layer(x)
    layer.eval()
    mean, covariance = mean_and_covariance(x, axis)
    floor = 0.01 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(covariance + floor)
    root = vectors / np.sqrt(values) @ vectors.T
    expected = (x[:1].double().movedim(axis, -1).numpy() - mean) @ root
    found = layer(x[:1]).detach().movedim(axis, -1).numpy()
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())


@pytest.mark.filterwarnings("ignore")  # Lightning's advice
def test_the_page_s_code_runs(trained: Outcome, tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del trained
    (run,) = Path("outputs").rglob("demo-seed1*")
    run.rename(run.with_name("demo-seed1"))
    Path("data").symlink_to(tiny_data)
    monkeypatch.delenv("STGDN_DATA", raising=False)
    names: dict[str, object] = {}
    for block in blocks("python.md", "python"):
        exec(block, names)
    assert names["scores"].shape[1] == 14  # pyright: ignore[reportAttributeAccessIssue]
    assert names["probabilities"].shape == (1, 14)  # pyright: ignore[reportAttributeAccessIssue]
    assert names["whitened"].shape == (8, 16, 32, 25)  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(names["again"], stgdn.Recognizer)
    assert isinstance(names["deconvolved"], stgdn.Network)
    assert names["deconvolved"].block_names == ["st_gcn+node+frame"] * 2
    mentioned = "\n".join(blocks("python.md", "python"))
    assert all(name in mentioned for name in stgdn.__all__)
