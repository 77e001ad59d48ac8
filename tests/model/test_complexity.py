"""Parameters and operations against a count by hand."""

import pytest
import torch

from stgdn.model.complexity import complexity
from stgdn.model.network import Network
from stgdn.skeleton import LAYOUTS, Layout

CHAIN = Layout("chain", ("a", "b", "c"), ((1, 0), (2, 1)), (), 0, (0, 1), (1, 2))


@pytest.fixture(autouse=True)
def _chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A skeleton of three joints."""
    monkeypatch.setitem(LAYOUTS, "chain", CHAIN)


def chain_network(blocks: list[str], *, compile: bool = False) -> Network:
    """3 → 8 → 16 channels, clips of 6 frames with 2 bodies, τ = 3, 5 classes."""
    return Network([8, 16], [1, 2], blocks, num_classes=5, frames=6, layout="chain", kernel_size=3, compile=compile)


# Layer 1: C = 3 → 8, T = 6, V = 3, C_e = 2, K = 3. Layer 2: C = 8 → 16, T = 6 → 3, C_e = 4.
PARAMETERS = (
    2 * (2 * 3 * 3)  # input norm over M·V·C
    + 3 * 3 * 3  # layer 1: learned graph
    + 12 * (3 + 1)  # φ and ψ, 6 of them with 2 channels
    + 3 * (8 * 3 + 8)  # θ_k
    + 2 * 8  # BatchNorm
    + (8 * 3 + 8)  # down
    + 2 * 8
    + (8 * 8 * 3 + 8)  # θ_τ
    + 2 * 8
    + 3 * 3 * 3  # layer 2
    + 24 * (8 + 1)
    + 3 * (16 * 8 + 16)
    + 2 * 16
    + (16 * 8 + 16)
    + 2 * 16
    + (16 * 16 * 3 + 16)
    + 2 * 16
    + (16 * 8 + 16)  # strided residual
    + 2 * 16
    + 5 * (16 + 1)  # classifier
)
MULTIPLY_ADDS = (
    6 * 3 * 12 * 3  # layer 1, one body: φ and ψ
    + 3 * (3 * 3 * 6 * 2)  # φᵀψ
    + 3 * (3 * 6 * 3 * 3)  # x A_k
    + 6 * 3 * 8 * 9  # θ_k
    + 6 * 3 * 8 * 3  # down
    + 6 * 3 * 8 * 8 * 3  # θ_τ
    + 6 * 3 * 24 * 8  # layer 2
    + 3 * (3 * 3 * 6 * 4)
    + 3 * (8 * 6 * 3 * 3)
    + 6 * 3 * 16 * 24
    + 6 * 3 * 16 * 8
    + 3 * 3 * 16 * 16 * 3
    + 3 * 3 * 16 * 8  # strided residual
)
CLASSIFIER = 16 * 5


def test_costs_are_those_counted_by_hand() -> None:
    found = complexity(chain_network(["gcn", "gcn"]))
    assert found.parameters == PARAMETERS
    assert found.flops == 2 * (2 * MULTIPLY_ADDS + CLASSIFIER)
    assert found.clip_shape == (3, 6, 3, 2)


def test_whitening_costs_its_products_and_not_its_iteration() -> None:
    found = complexity(chain_network(["gdn2", "gdn_t"]))
    folded = 3 * (3 * 3 * 3 + 3 * 3 + 8 * 3)  # Σ^{-1/2} A_k, μ Σ^{-1/2} A_k, θ_k of it: three subsets, one body
    frames = 6 * 6 * 16 * 3  # layer 2: Σ_T^{-1/2} x
    level = 6 * 6  # Σ_T^{-1/2} μ, once
    assert found.parameters == PARAMETERS
    assert found.flops == 2 * (2 * (MULTIPLY_ADDS + folded + frames) + level + CLASSIFIER)


def test_counting_leaves_the_network_as_it_is() -> None:
    net = chain_network(["gdn2", "gdn_t"]).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert complexity(net) == complexity(net)
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_frozen_parameters_are_not_counted() -> None:
    net = chain_network(["gcn", "gcn"])
    net.classifier.requires_grad_(False)
    assert complexity(net).parameters == PARAMETERS - 5 * 17


def test_a_compiled_network_is_counted_without_compiling_it() -> None:
    compiled = chain_network(["gcn", "gdn2"], compile=True)
    assert complexity(compiled) == complexity(chain_network(["gcn", "gdn2"]))
    own = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 4 * 5 * 2, 7))
    own.compile(backend="eager")
    assert complexity(own, (3, 4, 5, 2)).flops == 2 * 3 * 4 * 5 * 2 * 7


def test_one_line_of_text() -> None:
    text = str(complexity(chain_network(["gcn", "gcn"])))
    assert text == f"{PARAMETERS:,} parameters, 0.00 GFLOP a clip (C, T, V, M) = (3, 6, 3, 2)"


@pytest.mark.parametrize("mode", ["dedup", "padded", "masked"])
def test_all_bodies_count_however_empty_ones_are_treated(mode: str) -> None:
    network = Network([8, 16], [1, 2], "gcn", num_classes=5, frames=6, layout="chain", kernel_size=3, empty_bodies=mode)
    assert complexity(network).flops == complexity(chain_network(["gcn", "gcn"])).flops
