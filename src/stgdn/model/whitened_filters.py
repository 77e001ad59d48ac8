"""Whitening in front of a filter: the words of a network's row `whiten`, and the filters that are made of them."""

from typing import Any, NamedTuple

from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.empty_bodies import Counts, run_filter
from stgdn.model.spatial import GCN, GDN, ChannelGDN
from stgdn.model.temporal import TCN, TDN
from stgdn.model.whitening import Whitening


class Axes(NamedTuple):
    """Hold the axis that is whitened in front of the spatial and of the temporal filter; None: none is."""

    spatial: str | None = None
    temporal: str | None = None


WHITEN = {
    "none": Axes(),
    "node": Axes(spatial="node"),
    "frame": Axes(temporal="frame"),
    "node+frame": Axes("node", "frame"),
    "channel": Axes(spatial="channel"),
}
# Filters of whitened x that are computed faster than by `Whitened`, or whose attention looks at x before whitening.
WHITENED: dict[tuple[Any, str | None], Any] = {(GCN, "node"): GDN, (GCN, "channel"): ChannelGDN, (TCN, "frame"): TDN}


class Whitened(nn.Module):
    """Compute any filter of whitened x: filter(Σ^{-1/2}(x − μ)).

    Args:
        whitening: of one axis; with a channel patch it makes C·patch channels of C.
        filter: a spatial or temporal filter that takes whitened x and the mask.

    Raises:
        InputError: the filter whitens the same axis itself.
    """

    takes_counts = True

    def __init__(self, whitening: Whitening, filter: nn.Module) -> None:
        super().__init__()
        axis = whitening.axis
        if any(isinstance(part, Whitening) and part.axis == axis for part in filter.modules()):
            raise InputError(
                f"whiten: {axis}s in front of a {type(filter).__name__}, which whitens {axis}s itself: "
                "give none for its layer, or a block that does not whiten them, such as gcn"
            )
        self.whitening, self.filter = whitening, filter

    def forward(self, x: Tensor, mask: Tensor | None = None, counts: Counts | None = None) -> Tensor:
        """Return filtered x (N, C, T, V); `counts` as of `run_filter`."""
        return run_filter(self.filter, self.whitening(x, mask), mask, counts)
