"""Several streams as one: the trained networks of joints, bones, ..., whose scores are fused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from stgdn.data.clip import Clip
from stgdn.errors import InputError
from stgdn.inference.probabilities import softmax
from stgdn.inference.stream_weights import choose_weights, rank
from stgdn.inference.trained import TrainedNetwork, load
from stgdn.skeleton import Layout


@dataclass(frozen=True)
class FusedNetworks:
    """Hold one network for each stream, with the interface of one `TrainedNetwork`.

    Attributes:
        members: in the order joint, bone, joint_motion, bone_motion.
        weights: of their scores.
    """

    members: tuple[TrainedNetwork, ...]
    weights: tuple[float, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class names, in the order of the scores."""
        return self.members[0].classes

    @property
    def layout(self) -> Layout:
        """Return the joint layout assumed for clips that name none."""
        return self.members[0].layout

    @property
    def stream(self) -> str:
        """Return the names of the streams, such as `joint+bone`."""
        return "+".join(member.stream for member in self.members)

    def to(self, device: torch.device | str) -> "FusedNetworks":
        """Return a copy with all networks moved to a device."""
        return FusedNetworks(tuple(member.to(device) for member in self.members), self.weights)

    def scores(self, clips: Sequence[Clip | ArrayLike], layout: Layout | None = None) -> NDArray[np.float32]:
        """Return weighted means (N, classes) of the scores before the softmax; see `TrainedNetwork.scores`.

        They order the classes as the sums of `src/fuse.py` do. As means they keep the size that one stream's scores
        have, so that probabilities do not grow with the number of streams.
        """
        joints = layout or self.layout
        parts = [member.scores(clips, joints).astype(np.float64) for member in self.members]
        return np.average(parts, axis=0, weights=self.weights).astype(np.float32)

    def probabilities(self, clips: Sequence[Clip | ArrayLike], layout: Layout | None = None) -> NDArray[np.float32]:
        """Return probabilities (N, classes)."""
        return softmax(self.scores(clips, layout)).astype(np.float32)


Recogniser = TrainedNetwork | FusedNetworks


def load_networks(
    paths: str | Sequence[str], checkpoint: str = "last", weights: Mapping[str, float | None] | None = None
) -> Recogniser:
    """Load one trained network, or several that are fused.

    Args:
        paths: runs or checkpoint files, see `load`; of several each is of another stream.
        checkpoint: see `load`.
        weights: by stream; those missing or None are the published ones.

    Raises:
        InputError: see `load` and `fuse_networks`; weights for a single network.
    """
    members = [load(path, checkpoint) for path in ([paths] if isinstance(paths, str) else paths)]
    if len(members) == 1 and not any(weight is not None for weight in (weights or {}).values()):
        return members[0]
    return fuse_networks(members, weights)


def fuse_networks(
    members: Sequence[TrainedNetwork], weights: Mapping[str, float | None] | None = None
) -> FusedNetworks:
    """Fuse two or more networks.

    Raises:
        InputError: fewer than two, a stream twice, other classes, or weights that are not positive.
    """
    if len(members) < 2:
        raise InputError(f"fusing takes two streams or more, and run= gives {len(members)}: add another run")
    ordered = sorted(members, key=lambda member: rank(member.stream))
    for before, after in pairwise(ordered):
        if before.stream == after.stream:
            raise InputError(
                f"{before.checkpoint} and {after.checkpoint} are both of stream {after.stream}: give every stream once"
            )
        if before.classes != after.classes:
            raise InputError(
                f"{before.checkpoint} and {after.checkpoint} do not know the same classes: "
                f"{_difference(before.classes, after.classes)}"
            )
    chosen = choose_weights([member.stream for member in ordered], weights or {})
    return FusedNetworks(tuple(ordered), tuple(chosen))


def _difference(ours: Sequence[str], theirs: Sequence[str]) -> str:
    """Say how two lists of classes differ."""
    only = [name for name in ours if name not in theirs] or [name for name in theirs if name not in ours]
    return f"'{only[0]}' is one of only one of them" if only else "they are in another order"
