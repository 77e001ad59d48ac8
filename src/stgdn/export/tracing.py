"""A network as one graph for any batch size, without operations that depend on a clip's content."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from stgdn.inference.classifier import TrainedNetwork
from stgdn.model.empty_bodies import seen_frames
from stgdn.model.fold import Affine, fold
from stgdn.model.network import Network


class Padded(nn.Module):
    """Maps clips (N, C, T, V, M) to scores (N, classes), computing every body.

    With `empty_bodies=dedup` scores are the same; with `masked` the seen bodies are averaged.

    Args:
        network: a folded network.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, clips: Tensor) -> Tensor:
        """Return the scores (N, classes) of clips (N, C, T, V, M)."""
        network, (N, M) = self.network, (clips.shape[0], clips.shape[4])
        seen = seen_frames(clips)
        pooled = network.pooled(network.normalise(clips), seen, None).view(N, M, -1)
        if network.empty_bodies == "masked":
            present = seen.any(dim=2).to(pooled.dtype)
            share = M / present.sum(dim=1, keepdim=True).clamp(min=1)
            pooled = pooled * (present * share)[:, :, None]
        return network.classifier(pooled.mean(dim=1))


def folded(network: TrainedNetwork) -> Network:
    """Return the network folded, on a CPU; a folded one is returned unchanged.

    Raises:
        InputError: the network cannot be folded, see `stgdn.model.fold.fold`.
    """
    inner = network.network
    assert isinstance(inner, Network)
    return inner if isinstance(inner.input_norm, Affine) else fold(inner).cpu()


def trace(network: TrainedNetwork) -> ExportedProgram:
    """Trace a network, folded, as a graph for batches of any size.

    Raises:
        InputError: the network cannot be folded.
    """
    module = Padded(folded(network)).eval()
    example = torch.zeros(2, *module.network.clip_shape)
    with torch.no_grad(), quiet():
        return torch.export.export(module, (example,), dynamic_shapes={"clips": {0: Dim("batch")}})


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore PyTorch's warnings about deprecated parts that its own exporters use."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*treespec, LeafSpec.*", FutureWarning)
        yield
