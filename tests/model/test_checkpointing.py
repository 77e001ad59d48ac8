"""Networks with checkpointing compute what they compute without, and keep less."""

import pytest
import torch
from tests.model.networks import NETWORKS, clips, network, same_step, scrambled

from stgdn.model.network import Network


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_computed_again_are_the_same(name: str) -> None:
    ours, theirs = scrambled(name, checkpointing=True), scrambled(name)
    for _ in range(2):  # running averages move once a step
        same_step(ours, theirs, 4)
    torch.testing.assert_close(ours.eval()(clips()), theirs.eval()(clips()), atol=1e-12, rtol=0)


def test_less_is_kept_for_the_gradient() -> None:
    def kept(net: Network) -> int:
        sizes: list[int] = []

        def count(tensor: torch.Tensor) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            net(clips())
        return sum(sizes)

    assert kept(network("st_gdn", checkpointing=True)) < kept(network("st_gdn")) / 4
