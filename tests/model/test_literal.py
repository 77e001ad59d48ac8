"""The letter's equations as written: each for itself, and beside the fast form."""

import ast
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tests.model.networks import mean_and_covariance_at_once, scramble
from tests.model.test_imports import imported
from torch import Tensor, nn

from stgdn.model import literal
from stgdn.model.graph import adjacency
from stgdn.model.spatial import GCN, GDCN, GDN
from stgdn.model.temporal import TCN
from stgdn.skeleton import Layout

C, C_OUT, T, V, K = 3, 8, 5, 4, 3
CHAIN = Layout("chain", ("a", "b", "c", "d"), ((1, 0), (2, 1), (3, 2)), (), 0, (0, 1), (1, 2))
FILE = Path(literal.__file__)


def features(bodies: int = 4) -> Tensor:
    """Correlated features (bodies, C, T, V) in float64."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(bodies, C, T, V, generator=generator, dtype=torch.float64).cumsum(dim=3).cumsum(dim=2)


def random(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def laplacian() -> Tensor:
    """I − D^{-1/2} A D^{-1/2} of a chain of joints, (V, V)."""
    A = torch.diag(torch.ones(V - 1, dtype=torch.float64), 1)
    A = A + A.T
    scale = A.sum(dim=0).rsqrt()
    return torch.eye(V, dtype=torch.float64) - scale[:, None] * A * scale


def scrambled(kind: type[GCN], physical: Tensor, terms: tuple[str, ...]) -> GCN:
    """A filter whose weights all matter, in float64, without biases, which the equations lack."""
    made = kind(C, C_OUT, physical, terms=terms).double()
    scramble(made)
    for part in (made.theta, getattr(made, "theta_deconvolution", None)):
        if part is not None:
            nn.init.zeros_(part.bias)
    return made


def test_nothing_of_the_suite_is_imported() -> None:
    assert {name.split(".")[0] for name in imported(FILE)} <= {"math", "collections", "torch"}
    networks = FILE.with_name("literal_networks.py")
    assert {name for name in imported(networks) if name.startswith("stgdn")} <= {"stgdn.model", "stgdn.skeleton"}
    (names,) = [
        [alias.name for alias in node.names]
        for node in ast.walk(ast.parse(networks.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "stgdn.model"
    ]
    assert names == ["literal"]


def test_equations_stand_in_the_letters_order() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert re.findall(r"^# Eq \((\d)\)", text, re.MULTILINE) == [str(number) for number in range(1, 9)]
    listed = re.findall(r"^    \((\d)\)\S*(?: I)? +([a-z_, ]+?)(?:  |$)", text, re.MULTILINE)
    order = [name for _, names in listed for name in names.split(", ")]
    defined = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    assert order == [name for name in defined if name in order], "the table of the docstring names functions in order"


def test_eq_1_is_a_polynomial_of_the_laplacian_and_a_convolution_along_frames() -> None:
    x, L, thetas, theta_tau = features(), laplacian(), random(K, C_OUT, C), random(C_OUT, C_OUT, 3)
    powers = torch.stack([torch.linalg.matrix_power(L, k) for k in range(K)])
    mixed = torch.einsum("koc,nctv,kvw->notw", thetas, x, powers)
    expected = F.conv2d(mixed, theta_tau[..., None], padding=(1, 0))
    torch.testing.assert_close(literal.graph_convolution(x, L, list(thetas), theta_tau), expected)


def test_eq_1_is_gcn_and_tcn() -> None:
    x, L = features(), laplacian()
    gcn = scrambled(GCN, torch.stack([torch.linalg.matrix_power(L, k) for k in range(K)]), ("physical",))
    tcn = TCN(C_OUT, kernel_size=3).double()
    assert tcn.theta.bias is not None
    nn.init.zeros_(tcn.theta.bias)
    thetas = list(gcn.theta.weight.unbind(dim=1))
    torch.testing.assert_close(tcn(gcn(x)), literal.graph_convolution(x, L, thetas, tcn.theta.weight[..., 0]))


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_eq_2_counts_the_blocks_that_a_kernel_unfolds(kernel: int, padding: int, dilation: int, stride: int) -> None:
    options = (kernel, 1), (padding, 0), (dilation, 1), (stride, 1)
    unfolded = F.unfold(torch.zeros(1, 1, 9, 4), options[0], options[2], options[1], options[3])
    assert literal.num_samples((9, 4), *options) == unfolded.shape[2]


@pytest.mark.parametrize("axis", ["node", "channel"])
def test_eq_2_counts_the_samples_of_a_body(axis: str) -> None:
    x, ones = features(1), (1, 1)
    values, _ = literal.samples(x, axis, literal.all_seen(x))
    assert len(values) == literal.num_samples((T, C if axis == "node" else V), ones, (0, 0), ones, ones)


@pytest.mark.parametrize("axis", ["node", "frame", "channel"])
def test_eq_3_is_the_covariance_of_statistics(axis: str) -> None:
    x = features()
    values = x.movedim(literal.AXES[axis], -1).flatten(0, 2)
    mean, covariance = literal.mean_and_covariance(x, axis)
    torch.testing.assert_close(mean, values.mean(dim=0))
    torch.testing.assert_close(covariance, values.T.cov(correction=0))
    if axis != "channel":
        for found, expected in zip(mean_and_covariance_at_once(x, axis), (mean, covariance), strict=True):
            torch.testing.assert_close(found, expected)


def test_eq_4_is_gdn() -> None:
    x, physical = features(), adjacency(CHAIN).double()
    seen = literal.all_seen(x)
    seen[1], seen[2, 3:] = False, False
    gdn = scrambled(GDN, physical, ("physical",))
    expected = literal.graph_deconvolution(x, list(physical), list(gdn.theta.weight.unbind(dim=1)), seen)
    torch.testing.assert_close(gdn(x, seen.view(2, 2, T)), expected)


def test_fig_1_adds_eq_1_and_eq_4_on_the_graphs_of_eq_8() -> None:
    x = features()
    gdcn = scrambled(GDCN, adjacency(CHAIN).double(), ("attention",))
    assert isinstance(gdcn, GDCN)
    phi, psi = gdcn.adjacency.embedding(x).unflatten(1, (2, 3, -1)).unbind(dim=1)
    graphs = [literal.attention(phi[:, k], psi[:, k])[:, None] for k in range(K)]
    thetas, thetas_deconvolution = (list(part.weight.unbind(dim=1)) for part in (gdcn.theta, gdcn.theta_deconvolution))
    expected = literal.spatial_filter(x, graphs, thetas) + literal.graph_deconvolution(x, graphs, thetas_deconvolution)
    torch.testing.assert_close(gdcn(x), expected)


@pytest.mark.parametrize("axis", ["node", "frame", "channel"])
def test_eq_5_is_the_identity(axis: str) -> None:
    found = literal.whitened_covariance(features(40), axis, iterations=40, eps=0)
    torch.testing.assert_close(found, torch.eye(len(found), dtype=torch.float64), atol=1e-4, rtol=0)


def test_eq_6_comes_to_the_inverse_root() -> None:
    _, covariance = literal.mean_and_covariance(features(), "node")
    values, basis = torch.linalg.eigh(covariance)
    expected = basis @ torch.diag(values.rsqrt()) @ basis.T
    torch.testing.assert_close(literal.newton_schulz(covariance, 40), expected)


def test_eq_7_is_eq_4_of_first_order_with_opposite_coefficients() -> None:
    x, L, theta = features(), laplacian(), random(C_OUT, C)
    powers = [torch.eye(V, dtype=torch.float64), L]
    expected = literal.graph_deconvolution(x, powers, [theta, -theta])
    torch.testing.assert_close(literal.first_order_deconvolution(x, L, theta), expected)


def test_eq_8_is_a_softmax_of_products() -> None:
    phi, psi = random(2, 3, T, V), random(2, 3, T, V).roll(1, dims=1)
    expected = torch.softmax(torch.einsum("nctv,nctw->nvw", phi, psi) / (3 * T), dim=1)
    torch.testing.assert_close(literal.attention(phi, psi), expected)
