"""Classifiers of raw clips: one trained network, or several of different streams, such as joint and bone, fused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from omegaconf import DictConfig
from torch import Tensor, nn

from stgdn.data.clip import Clip
from stgdn.errors import InputError
from stgdn.inference.preprocessing import Preprocessing
from stgdn.inference.stream_weights import choose_weights, rank
from stgdn.runs.scores import softmax
from stgdn.skeleton import Layout


@dataclass(frozen=True)
class TrainedNetwork:
    """Hold a network in evaluation mode with its classes, preprocessing and config; `stgdn.load` returns one.

    Clips are arrays (M, T, V, C) of M bodies, T frames and V joints; `scores` gives their units. For files of clips
    see `stgdn.inference.predictions.predict`.

        network = stgdn.load("outputs/demo/st_gdn/joint/demo-seed1").to("cuda")
        probabilities = network.probabilities([clip, other_clip])  # (2, classes)
        network.classes[probabilities[0].argmax()]  # the name of the likeliest class
        predict(network, "clip.skeleton").clips[0].probabilities  # (classes,)

    Attributes:
        network: the PyTorch module, from input (N, C, T, V, M) to scores (N, classes).
        classes: names in the order of the scores.
        preprocessing: from raw clips to the network's input.
        config: the run's config.
        checkpoint: the file that the weights are from.
        epoch: number of epochs that the weights were trained for.
        stopped: a callback ended training before its last epoch.
    """

    network: nn.Module
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    config: DictConfig
    checkpoint: Path
    epoch: int
    stopped: bool = False

    @property
    def name(self) -> str:
        """Return the name of the network, such as `st_gdn`."""
        return str(self.config.model.name)

    @property
    def stream(self) -> str:
        """Return the network's stream: joint, bone, joint_motion or bone_motion."""
        return self.preprocessing.settings.stream

    @property
    def layout(self) -> Layout:
        """Return the joint layout of the run's data, also assumed for clips that name none."""
        return self.preprocessing.layout

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """Return the shape (C, T, V, M) of the network's input."""
        return self.preprocessing.settings.clip_shape(self.preprocessing.input_layout)

    @property
    def finished(self) -> bool:
        """Return whether the run was trained to its last epoch, or to where a callback has ended it."""
        return self.stopped or self.epoch >= self.config.epochs

    @property
    def median_frames(self) -> int | None:
        """Return the median length of the training clips in frames; None if the run did not record it."""
        return self.config.data.get("median_frames")

    @property
    def device(self) -> torch.device:
        """Return the device of the weights."""
        return next(self.network.parameters()).device

    @property
    def members(self) -> tuple["TrainedNetwork", ...]:
        """Return this network alone, as `FusedNetworks.members` returns several."""
        return (self,)

    @property
    def stream_weights(self) -> tuple[float, ...]:
        """Return the weight of this network alone, as `FusedNetworks.stream_weights` returns several."""
        return (1.0,)

    def to(self, device: torch.device | str) -> "TrainedNetwork":
        """Move the network to a device, in place as PyTorch's modules do, and return it."""
        self.network.to(device)
        return self

    def inputs(self, clips: Sequence[Clip | ArrayLike], layout: Layout | None = None) -> Tensor:
        """Return the network's input (N, C, T, V, M) for clips; arguments as of `scores`."""
        return torch.from_numpy(self.preprocessing(clips, layout)).to(self.device)

    def scores(self, clips: Sequence[Clip | ArrayLike], layout: Layout | None = None) -> NDArray[np.float32]:
        """Return scores (N, classes), before the softmax.

        Args:
            clips: one or more. Arrays are (M, T, V, C) with zeros where a body is not seen: in metres, y up, or of flat
                layouts x and y in shares of the picture, from its middle and y down, and the confidence.
            layout: joints of the clips if not those of the run's data; they are mapped to the network's.

        Raises:
            InputError: a clip that cannot be used, joints that cannot be mapped, or a network that has diverged.
        """
        inputs = self.inputs(clips, layout)
        with torch.inference_mode():
            scores = self.network(inputs).float().cpu().numpy()
        if not np.isfinite(scores).all():
            raise InputError(f"{self.checkpoint}: the network's scores are not finite, it has diverged in training")
        return scores

    def probabilities(self, clips: Sequence[Clip | ArrayLike], layout: Layout | None = None) -> NDArray[np.float32]:
        """Return probabilities (N, classes); arguments as of `scores`."""
        return softmax(self.scores(clips, layout)).astype(np.float32)


@dataclass(frozen=True)
class FusedNetworks:
    """Hold one network for each stream, with the interface of one `TrainedNetwork`; `load_networks` returns one.

    Attributes:
        members: in the order joint, bone, joint_motion, bone_motion.
        stream_weights: of their scores.
    """

    members: tuple[TrainedNetwork, ...]
    stream_weights: tuple[float, ...]

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
        """Move all networks to a device, in place, and return them."""
        for member in self.members:
            member.to(device)
        return self

    def scores(self, clips: Sequence[Clip | ArrayLike], layout: Layout | None = None) -> NDArray[np.float32]:
        """Return weighted means (N, classes) of the scores before the softmax; see `TrainedNetwork.scores`.

        They order the classes as the sums of `src/fuse.py` do. As means they keep the size that one stream's scores
        have, so that probabilities do not grow with the number of streams.
        """
        joints = layout or self.layout
        parts = [member.scores(clips, joints).astype(np.float64) for member in self.members]
        return np.average(parts, axis=0, weights=self.stream_weights).astype(np.float32)

    def probabilities(self, clips: Sequence[Clip | ArrayLike], layout: Layout | None = None) -> NDArray[np.float32]:
        """Return probabilities (N, classes); arguments as of `TrainedNetwork.scores`."""
        return softmax(self.scores(clips, layout)).astype(np.float32)


Classifier = TrainedNetwork | FusedNetworks


def fuse_networks(
    members: Sequence[TrainedNetwork], weights: Mapping[str, float | None] | None = None
) -> FusedNetworks:
    """Fuse two or more networks; `weights` by stream, those missing or None are the published ones.

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
