"""The letter's Fig. 2: t-SNE of the joint features at the last graph layer.

Glossary of shapes: B bodies, each of one clip, V joints, C features.
"""

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits
from torch import Tensor

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.model.empty_bodies import seen_frames
from stgdn.model.network import Network

PERPLEXITY = 30  # scikit-learn's default; less where there are few points


@dataclass(frozen=True)
class JointFeatures:
    """Hold features of joints, averaged over the frames in which a body is seen.

    Attributes:
        values: (B, V, C) float32.
        clips: (B,) names of clips.
        bodies: (B,) number of the body in its clip, from 0.
    """

    values: NDArray[np.float32]
    clips: NDArray[np.str_]
    bodies: NDArray[np.int64]


@torch.no_grad()
def joint_features(network: Network, data: SkeletonData, label: int, device: torch.device) -> JointFeatures:
    """Return the features after the last graph layer's ReLU of all bodies in the test clips of class `label`.

    These are the features that the classifier averages. The network computes as in evaluation and stays on `device`.
    """
    indices = data.splits["test"]
    indices = indices[data.store.clips["label"][indices] == label]
    batches, keys = data.batches(indices, None, 0, 1)
    network.to(device).eval()
    values, owners, bodies = [], [], []
    for key in keys:
        batch = batches[key]
        means, seen = time_averages(network, batch["clips"].to(device))
        clip, body = seen.nonzero(as_tuple=True)
        values.append(means[clip, body].float().cpu().numpy())
        owners.append(batch["indices"][clip.cpu()].numpy())
        bodies.append(body.cpu().numpy())
    names = data.store.clips["name"][np.concatenate(owners)]
    return JointFeatures(np.concatenate(values), names, np.concatenate(bodies))


def time_averages(network: Network, clips: Tensor) -> tuple[Tensor, Tensor]:
    """Return joint features averaged over time, (N, M, V, C), and a mask of valid bodies, (N, M).

    Args:
        network: computes the features.
        clips: (N, C, T, V, M).
    """
    features = network.features(clips)
    seen = seen_frames(clips).flatten(0, 1)[:, :: int(np.prod(network.strides))].to(features.dtype)
    frames = seen.sum(dim=1)
    sums = (features * seen[:, None, :, None]).sum(dim=2)
    means = sums / frames.clamp(min=1)[:, None, None]
    return rearrange(means, "(n m) c v -> n m v c", n=len(clips)), frames.view(len(clips), -1) > 0


def tsne_positions(features: JointFeatures, seed: int = 0) -> NDArray[np.float32]:
    """Return t-SNE positions (B, V, 2) of all joints (van der Maaten and Hinton 2008), the same for the same seed.

    Euclidean distances, perplexity 30 (a third of the points where those are fewer than 90), started from the first
    two principal components.
    """
    points = features.values.reshape(-1, features.values.shape[2])
    if not np.ptp(points, axis=0).any():  # all points are equal: nothing to lay out
        return np.zeros((*features.values.shape[:2], 2), np.float32)
    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    init = "pca" if min(points.shape) > 1 else "random"
    with threadpool_limits(1):  # sums in one order on any machine; threads of a busy one would wait for each other
        positions = TSNE(perplexity=perplexity, init=init, random_state=seed).fit_transform(points)
    return positions.reshape(*features.values.shape[:2], 2).astype(np.float32)
