"""Operations and bytes, counted by hand for networks small enough."""

import pytest
import torch
from tests.model.networks import network
from torch import nn

from stgdn.benchmark.work import clip_flops, work
from stgdn.model.complexity import complexity


def test_a_product_and_a_copy() -> None:
    left, right = torch.rand(10, 20), torch.rand(20, 30)
    assert work(lambda: left @ right) == (2 * 10 * 20 * 30, 4 * (200 + 600 + 300))
    assert work(lambda: left.clone()) == (0, 2 * 4 * 200)


def test_views_and_fresh_memory_are_no_traffic() -> None:
    x = torch.rand(4, 6)
    assert work(lambda: x.view(24).view(6, 4).t()[1:].unsqueeze(0)) == (0, 0)
    assert work(lambda: torch.empty(100)) == (0, 0)


def test_of_expanded_tensors_only_what_is_stored() -> None:
    x, y = torch.rand(1).expand(1000), torch.rand(1000)
    assert work(lambda: x + y) == (0, 4 * (1 + 1000 + 1000))


def test_backward_counts_twice() -> None:
    layer, x = nn.Linear(8, 5, bias=False), torch.rand(3, 8, requires_grad=True)
    assert work(lambda: layer(x).sum().backward())[0] == 3 * (2 * 3 * 8 * 5)


@pytest.mark.parametrize("name", ["agcn", "st_gdn"])
def test_a_clip_as_the_models_table_counts_it(name: str) -> None:
    net = network(name).float().train()
    found = clip_flops(net, torch.randn(1, *net.clip_shape))
    assert net.training
    assert found == pytest.approx(complexity(net).flops, rel=1e-6)
