"""Operations, bytes and memory, counted by hand for networks small enough."""

import pytest
import torch
from tests.model.networks import network
from torch import Tensor, nn

from stgdn.benchmark import cost
from stgdn.benchmark.candidates import Candidate
from stgdn.benchmark.cost import clip_flops, free_memory, kept_bytes, limits, operations_and_bytes, used_memory
from stgdn.benchmark.workload import Workload
from stgdn.model.complexity import complexity


def test_operations_and_bytes() -> None:
    left, right = torch.rand(10, 20), torch.rand(20, 30)
    assert operations_and_bytes(lambda: left @ right) == (2 * 10 * 20 * 30, 4 * (200 + 600 + 300))
    assert operations_and_bytes(lambda: left.clone()) == (0, 2 * 4 * 200)
    layer, x = nn.Linear(8, 5, bias=False), torch.rand(3, 8, requires_grad=True)
    assert operations_and_bytes(lambda: layer(x).sum().backward())[0] == 3 * (2 * 3 * 8 * 5)  # backward counts twice


def test_views_and_fresh_memory_are_no_traffic() -> None:
    x, y = torch.rand(4, 6), torch.rand(1000)
    assert operations_and_bytes(lambda: x.view(24).view(6, 4).t()[1:].unsqueeze(0)) == (0, 0)
    assert operations_and_bytes(lambda: torch.empty(100)) == (0, 0)
    expanded = torch.rand(1).expand(1000)  # of which only what is stored counts
    assert operations_and_bytes(lambda: expanded + y) == (0, 4 * (1 + 1000 + 1000))


@pytest.mark.parametrize("name", ["agcn", "st_gdn"])
def test_a_clip_as_the_models_table_counts_it(name: str) -> None:
    net = network(name).float().train()
    assert clip_flops(net, torch.randn(1, *net.clip_shape)) == pytest.approx(complexity(net).flops, rel=1e-6)


class Inner(nn.Module):
    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        return x.flatten(1) @ weight


class Outer(nn.Module):
    """Hands its parameter to a submodule, as CTR-GCN does with its graph."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.inner = nn.Parameter(torch.ones(24, 5)), Inner()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x, self.weight)


def test_a_parameter_may_be_handed_to_a_submodule() -> None:
    net = Outer()
    assert clip_flops(net, torch.ones(1, 3, 2, 2, 2)) == 2 * 24 * 5
    assert net.weight.requires_grad


def test_limits_are_a_product_and_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "PRODUCT", {"cpu": 16})
    monkeypatch.setattr(cost, "COPY", {"cpu": 400})
    calls, amounts = limits(Workload((3, 4, 5, 2), 6, 2, 0.5, precision="bf16"))
    assert amounts == {"product": 2 * 16**3, "copy": 800}
    for name, call in calls.items():
        assert operations_and_bytes(lambda call=call: call(0))[0] == (amounts["product"] if name == "product" else 0)


def test_kept_bytes_are_proportional_to_the_clips() -> None:
    net, one = network("agcn").float(), Workload((3, 9, 20, 2), 5, 1, 1.0)
    four = Workload((3, 9, 20, 2), 5, 4, 1.0)
    kept = [kept_bytes(net, workload.batches()[0], workload) for workload in (one, four)]
    assert 2 < kept[1] / kept[0] < 4.1


def test_memory_of_this_process_and_of_the_machine() -> None:
    now, peak = used_memory("cpu")
    assert 10 * 2**20 < now <= peak
    assert free_memory("cpu") > 10 * 2**20


def test_a_process_that_is_killed_has_no_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool:
        def __init__(self, *_: object, **__: object) -> None: ...

        def __enter__(self) -> "Pool":
            return self

        def __exit__(self, *_: object) -> None: ...

        def submit(self, *_: object) -> None:
            raise cost.BrokenProcessPool

    monkeypatch.setattr(cost, "ProcessPoolExecutor", Pool)
    candidate = Candidate("any", "module", {})
    assert cost.peak_memory("step", candidate, Workload((3, 4, 5, 2), 6, 2, 0.5)) is None
