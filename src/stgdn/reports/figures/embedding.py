"""The letter's Fig. 2: t-SNE of the joint features at the last graph layer, for two runs.

Glossary of shapes: B bodies, each of one clip, V joints, C features.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits
from torch import Tensor

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.data.build import stored_data
from stgdn.errors import InputError, choose
from stgdn.model.empty_bodies import seen_frames
from stgdn.model.network import Network
from stgdn.reports.figures.run_pair import Pair, differences, distinct_names
from stgdn.rounding import fixed
from stgdn.runs.result import Result
from stgdn.runs.run import Run
from stgdn.skeleton import Layout
from stgdn.training.callbacks.over_smoothing import measure, sample_clips
from stgdn.training.recognizer import load_recognizer

PERPLEXITY = 30  # scikit-learn's default; less where there are few points


@dataclass(frozen=True)
class JointFeatures:
    """Hold features of joints, averaged over the frames in which a body is seen."""

    values: NDArray[np.float32]  # (B, V, C)
    clips: NDArray[np.str_]  # (B,) names of clips
    bodies: NDArray[np.int64]  # (B,) number of the body in its clip, from 0


@dataclass(frozen=True)
class Panel:
    """Hold the joint embedding of one run."""

    name: str  # short name of the run
    title: str  # with recipe, seed and accuracy
    layout: Layout  # of the joints
    features: JointFeatures
    positions: NDArray[np.float32]  # (B, V, 2) of the joints in the plane
    smoothing: dict[str, list[float]]  # over-smoothing measures by layer


def panels(pair: Pair, chosen: str, device: torch.device, *, clips: int, seed: int) -> list[Panel]:
    """Compute the joint embeddings of both runs on the test clips of the class `chosen`.

    Args:
        pair: the runs.
        chosen: name of the class.
        device: to compute on.
        clips: largest number of clips that over-smoothing is measured on.
        seed: of t-SNE.

    Raises:
        InputError: a number out of range, or stores with different clips.
    """
    for option, value, least in (("clips", clips, 1), ("seed", seed, 0)):
        if value < least:
            raise InputError(f"{option}={value} must be a whole number from {least} up")
    drawn = [
        _panel(run, result, name, chosen, device, clips, seed)
        for (run, result), name in zip(pair, distinct_names([result for _, result in pair]), strict=True)
    ]
    first, second = (set(panel.features.clips.tolist()) for panel in drawn)
    if first != second:
        raise InputError(
            f"the runs' stores hold different clips of this class ({len(first)} and {len(second)}, "
            f"{len(first & second)} in both): prepare the data once for both, and say with data_root= where it is"
        )
    return drawn


def _panel(run: Run, result: Result, name: str, chosen: str, device: torch.device, clips: int, seed: int) -> Panel:
    data = stored_data(run.config)
    label = class_label(data, chosen)
    network = load_recognizer(run.config, run.last_checkpoint).network
    if not isinstance(network, Network):
        raise InputError(
            f"{run.folder} is of {name}, whose layers are not known: give runs of the suite's own networks"
        )
    features = joint_features(network, data, label, device)
    bodies, joints = features.values.shape[:2]
    print(f"{name}: {len(set(features.clips.tolist()))} clips, {bodies} bodies, {bodies * joints:,} joints to lay out")
    smoothing = measure(network, sample_clips(data, clips, label).to(device), data.layout.bones)
    title = (
        f"{name}: recipe {result.recipe}, {result.epochs} epochs, seed {result.seed}, test top-1 {fixed(result.top1)}"
    )
    return Panel(name, title, data.layout, features, tsne_positions(features, seed), smoothing)


def class_label(data: SkeletonData, name: str) -> int:
    """Return the label of a class, from 0.

    Raises:
        InputError: no test clip is of this class.
    """
    classes = list(data.store.header.classes)
    label = classes.index(choose(name, classes, "class"))
    if not (data.store.clips["label"][data.splits["test"]] == label).any():
        raise InputError(f"no test clip is of class '{name}': choose another one")
    return label


def caption(pair: Pair, drawn: Sequence[Panel], clips: int) -> str:
    """Return the caption: how the features were computed, and other differences between the runs than the network."""
    measured = min(clips, len(set(drawn[0].features.clips.tolist())))
    sentences = [
        "Features behind the last graph layer's ReLU, averaged over the frames in which a body is seen; t-SNE of each "
        f"run by itself. Over-smoothing was measured on {measured} of these clips."
    ]
    if differing := differences(pair):
        sentences.append(f"Besides the networks these differ: {'; '.join(differing)}.")
    return " ".join(sentences)


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
