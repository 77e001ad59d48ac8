"""Over-smoothing as numbers: how far apart the layers of a network keep a body's joints; see docs/over-smoothing.md.

Glossary of shapes: features x (B, C, T, V) of a layer, B = N·M bodies; `seen` (B, T), true where a body is seen. One
graph is one body in one frame, V joints of C channels. Only graphs of seen bodies count.
"""

from collections.abc import Sequence
from math import isfinite, prod

import lightning
import numpy as np
import torch
from einops import rearrange
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.errors import InputError
from stgdn.model.clip_check import evaluating
from stgdn.model.empty_bodies import seen_frames
from stgdn.model.network import Network
from stgdn.model.statistics import sample_statistics
from stgdn.model.whitening import SAMPLES, WEIGHTS

MEASURES = ("mad", "dirichlet", "joint_rank", "frame_rank", "between_within", "numerical_rank")
LARGEST_RATIO = 1e6  # of variances, where nothing varies within a joint

Bones = Sequence[tuple[int, int]]


def mean_average_distance(x: Tensor, seen: Tensor) -> float:
    """Return MAD (Chen et al., AAAI 2020): 1 − cos(h_i, h_j), averaged over pairs i ≠ j of a graph, then over graphs.

    0: all joints point one way; 1: they are orthogonal. A joint of zero features counts as a direction of its own: at
    distance 0 from other such joints and 1 from the rest. Chen et al. leave pairs at distance 0 out of the average.
    """
    V = x.shape[3]
    norms = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    directions = x / norms.where(norms > 0, 1)
    silent = (norms == 0).sum(dim=(1, 3))
    cosines = directions.sum(dim=3).square().sum(dim=1) + silent.square()  # over all V² pairs
    return _mean((V * V - cosines).clamp(min=0) / max(V * (V - 1), 1), seen)


def dirichlet_energy(x: Tensor, seen: Tensor, bones: Bones) -> float:
    """Return the mean over graphs of Σ over bones (i, j) of ‖h_i − h_j‖² / Σ_i d_i ‖h_i‖², d_i the bones at joint i.

    tr(Hᵀ(D − A)H) / tr(HᵀDH), a Rayleigh quotient of the skeleton's random-walk Laplacian: from 0 (all joints equal) to
    2, for features without negative entries to 1, whatever their scale and the number of joints.
    """
    ends = torch.tensor(bones, dtype=torch.long, device=x.device).reshape(-1, 2)
    degree = torch.bincount(ends.flatten(), minlength=x.shape[3])
    energy = (x[..., ends[:, 0]] - x[..., ends[:, 1]]).square().sum(dim=(1, 3))
    scale = (x.square() * degree).sum(dim=(1, 3))
    return _mean(energy / scale.where(scale > 0, 1), seen)


def covariance(x: Tensor, seen: Tensor, axis: str) -> Tensor:
    """Return the covariance (D, D) along `axis`, `node` or `frame`, over the same samples as whitening."""
    weights = rearrange(seen.to(x.dtype), WEIGHTS[axis], b=1)
    return sample_statistics(rearrange(x, SAMPLES[axis], b=1), weights).covariance[0]


def effective_rank(covariance: Tensor) -> float:
    """Return Roy and Vetterli's rank (EUSIPCO 2007): exp of the entropy of the eigenvalues of (D, D) over their sum.

    1 where one direction has all variance, D where all have the same; 0 where nothing varies.
    """
    if not covariance.isfinite().all():
        return float("nan")
    eigenvalues = torch.linalg.eigvalsh(covariance.cpu().double()).clamp(min=0)
    if not eigenvalues.any():
        return 0.0
    shares = eigenvalues / eigenvalues.sum()
    return float(torch.special.entr(shares).sum().exp())


def between_within(x: Tensor, seen: Tensor) -> float:
    """Return the variance between the joints' mean features, divided by the variance within joints.

    Means are over all graphs. 0: on average all joints are the same; at most LARGEST_RATIO.
    """
    weights = rearrange(seen.to(x.dtype), "b t -> b 1 t 1")
    count = weights.sum().clamp(min=1)
    means = (x * weights).sum(dim=(0, 2)) / count  # C V
    between = (means - means.mean(dim=1, keepdim=True)).square().sum(dim=0).mean()
    within = ((x - means[:, None]).square() * weights).sum(dim=(0, 1, 2)).mean() / count
    return float(between / within.clamp(min=between / LARGEST_RATIO)) if between > 0 else float(between)


def numerical_rank(x: Tensor, seen: Tensor) -> float:
    """Return ‖H‖_F² / ‖H‖₂² of the features H (V, C) of a graph (Zhang et al., arXiv 2502.04591), averaged over graphs.

    The sum of the squared singular values over the largest one: 1 where all joints are the same up to a factor, min(V,
    C) where all directions have the same size; 0 where all features are zero.
    """
    graphs = rearrange(x, "b c t v -> b t v c")[seen]
    gram = graphs @ graphs.mT  # V V: its eigenvalues are the squared singular values
    if not gram.isfinite().all():
        return float("nan")
    largest = torch.linalg.eigvalsh(gram)[:, -1]
    ranks = gram.diagonal(dim1=1, dim2=2).sum(dim=1) / largest.where(largest > 0, 1)
    return float(ranks.sum() / max(len(ranks), 1))


def _mean(values: Tensor, seen: Tensor) -> float:
    """Return the mean of values (B, T) over the graphs that are seen."""
    return float((values * seen).sum() / seen.sum().clamp(min=1))


def layer_measures(x: Tensor, seen: Tensor, bones: Bones) -> dict[str, float]:
    """Return all MEASURES of one layer's features, in float32 or float64 even under autocast."""
    with torch.autocast(x.device.type, enabled=False):
        x = x if x.dtype == torch.float64 else x.float()
        return {
            "mad": mean_average_distance(x, seen),
            "dirichlet": dirichlet_energy(x, seen, bones),
            "joint_rank": effective_rank(covariance(x, seen, "node")),
            "frame_rank": effective_rank(covariance(x, seen, "frame")),
            "between_within": between_within(x, seen),
            "numerical_rank": numerical_rank(x, seen),
        }


def measure(network: Network, clips: Tensor, bones: Bones) -> dict[str, list[float]]:
    """Return MEASURES by layer, for `clips` (N, C, T, V, M) in evaluation mode.

    Features are a layer's output, after its last ReLU. Modes are restored afterwards.

    Args:
        network: a network of this suite.
        clips: the network's input.
        bones: (child, parent) pairs of joints.
    """
    seen, layers = seen_frames(clips).flatten(0, 1), []

    def watch(number: int, x: Tensor) -> None:
        layers.append(layer_measures(x, seen[:, :: prod(network.strides[: number + 1])], bones))

    with evaluating(network):
        network.features(clips, watch)
    return {name: [layer[name] for layer in layers] for name in MEASURES}


def sample_clips(data: SkeletonData, count: int, label: int | None = None) -> Tensor:
    """Return at most `count` test clips (N, C, T, V, M), of class `label` if given: the same ones in every run."""
    indices = data.splits["test"]
    if label is not None:
        indices = indices[data.store.clips["label"][indices] == label]
    indices = np.sort(np.random.default_rng(0).permutation(indices)[:count])
    batches, keys = data.batches(indices, None, 0, 1)
    return torch.cat([batches[key]["clips"] for key in keys])


class OverSmoothing(Callback):
    """Logs `smoothing/MEASURE/layerL`, L from 1, after an epoch: on some test clips, by the process of rank 0.

    It does nothing for a network that is not the suite's own: it looks into layers. Labels are not used and nothing is
    chosen by these numbers. It must come before `EpochReport`, which writes what was logged.

    Args:
        clips: number of test clips; each run takes the same ones.
        every: epochs between two measurements; the last epoch is measured in any case.

    Raises:
        InputError: a number below 1.
    """

    def __init__(self, clips: int = 64, every: int = 1) -> None:
        for name, value in (("clips", clips), ("every", every)):
            if value < 1:
                raise InputError(
                    f"callbacks.over_smoothing.{name}={value} must be at least 1; "
                    "callbacks.over_smoothing=null measures nothing"
                )
        self.clips, self.every = clips, every
        self._sample: Tensor | None = None

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Measure all layers."""
        epoch = trainer.current_epoch + 1
        if not trainer.is_global_zero or (epoch % self.every and epoch != trainer.max_epochs):
            return
        data, network = trainer.datamodule, pl_module.network  # pyright: ignore[reportAttributeAccessIssue]
        if not isinstance(network, Network):
            return
        assert isinstance(data, SkeletonData)
        if self._sample is None:
            self._sample = sample_clips(data, self.clips)
        precision = trainer.precision_plugin
        with precision.forward_context():
            clips = precision.convert_input(self._sample.to(pl_module.device))
            measured = measure(network, clips, data.layout.bones)
        for name, layers in measured.items():
            for number, value in enumerate(layers, 1):
                if isfinite(value):  # no number is better than one that a table cannot hold
                    # There is one process's value only; sync_dist keeps Lightning from asking for the others'.
                    pl_module.log(f"smoothing/{name}/layer{number}", value, rank_zero_only=True, sync_dist=True)
