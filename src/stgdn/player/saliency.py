"""Saliency of joints: how much a network's score depends on a joint's position in a frame.

The measure is that of Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks" (2014, arXiv 1312.6034,
section 3): the gradient of a class's score, before the softmax, with respect to the input. The value of a joint in a
frame is the norm of the gradient over the joint's numbers. Unlike gradient times input it does not depend on the origin
or on how the clip is rotated. It shows what the score is sensitive to, not what it was made of.

Glossary of shapes: M bodies, T frames of the clip, S frames that the network sees, V joints of the clip, W joints that
the network sees, C numbers of a joint.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from stgdn.data.batches.frame_times import FrameTimes, frame_times
from stgdn.data.batches.joint_map import weights
from stgdn.data.clip import Clip
from stgdn.inference.classifier import Classifier, TrainedNetwork
from stgdn.skeleton import Layout

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]


def saliency(network: Classifier, clip: Clip, layout: Layout, number: int) -> Float:
    """Return the saliency (M, T, V) of every joint in every frame for the score of a class; the largest in a clip is 1.

    - It is given for joints whatever the network's stream: gradients of bones and motion are propagated back to the
      joints that they are made from. So several streams can be fused, by the weighted mean of their norms.
    - A frame that the network sees several times gets the sum of its gradients. Frames between those that it sees get
      what lies between, frames that it does not see (outside of a window) nothing.
    - A joint that others are made from (see `stgdn.data.batches.joint_map`) gets its share of theirs.
    - It is 0 in frames without the body, for empty bodies, and for bodies beyond those that the network takes.

    Args:
        network: one, or several fused.
        clip: with joints of `layout`.
        layout: of the clip.
        number: the class.
    """
    parts = [_network_saliency(member, clip, layout, number) for member in network.members]
    found = np.average(parts, axis=0, weights=network.stream_weights)
    return (found / (found.max(initial=0) or 1)).astype(np.float32)


def _network_saliency(network: TrainedNetwork, clip: Clip, layout: Layout, number: int) -> NDArray[np.float64]:
    """Return the norms (M, T, V) of one network's gradients."""
    preprocessing = network.preprocessing
    settings, target = preprocessing.settings, preprocessing.input_layout
    length = clip.present.shape[1]
    when = frame_times(np.array([length]), settings, None)
    bodies = min(settings.bodies, len(clip.joints))
    seen = _seen(when, clip.present[:bodies])
    gradient = input_gradient(network, clip, layout, number)[:bodies]
    repeated = when.repeated_indices()[0]
    gradient = to_joints(gradient, settings.stream, target, seen[:, repeated])
    once = np.zeros((bodies, int(when.num_distinct[0]), *gradient.shape[2:]))
    np.add.at(once.swapaxes(0, 1), repeated, gradient.swapaxes(0, 1))
    size = np.linalg.norm(once, axis=-1)
    if preprocessing.mapping(layout) is not None:
        size = size @ weights(layout, target).astype(np.float64)
    found = np.zeros((*clip.present.shape, layout.num_joints))
    for body in range(bodies):
        at = when.times[0, : once.shape[1]]
        found[body] = _between(size[body], at, seen[body, : once.shape[1]], length)
    return found * clip.present[..., None]


def input_gradient(network: TrainedNetwork, clip: Clip, layout: Layout, number: int) -> NDArray[np.float64]:
    """Return the gradient (bodies, S, W, C) of a class's score with respect to the network's input."""
    inputs = network.inputs([clip], layout).requires_grad_()
    with torch.enable_grad():
        score = network.network(inputs)[0, number]
        (gradient,) = torch.autograd.grad(score, inputs)
    return gradient[0].permute(3, 1, 2, 0).double().cpu().numpy()


def to_joints(gradient: NDArray[np.float64], stream: str, layout: Layout, seen: Bool) -> NDArray[np.float64]:
    """Return the gradient with respect to joints from that with respect to a stream; both (M, S, W, C).

    Args:
        gradient: of the stream.
        stream: joint, bone, joint_motion or bone_motion, as in `stgdn.data.batches.transforms`.
        layout: of the W joints.
        seen: (M, S), whether a body is present.
    """
    found = gradient * seen[..., None, None]
    if stream.endswith("motion"):  # x[t + 1] - x[t], where both are seen
        moved = found[:, :-1] * (seen[:, 1:] & seen[:, :-1])[..., None, None]
        found = np.zeros_like(found)
        found[:, 1:] += moved
        found[:, :-1] -= moved
    if stream.startswith("bone"):  # a joint minus its parent; the root, its own parent, is no bone
        bones, found = found, found.copy()
        np.subtract.at(np.moveaxis(found, 2, 0), np.array(layout.parents), np.moveaxis(bones, 2, 0))
    return found


def _seen(when: FrameTimes, present: Bool) -> Bool:
    """Return a mask (M, S): whether a body is seen in the frame nearest to each frame time; of two, the later one."""
    nearest = np.floor(when.times[0] + 0.5).astype(np.int64)
    inside = (nearest >= 0) & (nearest < present.shape[1])
    return present[:, nearest.clip(0, present.shape[1] - 1)] & inside


def _between(size: NDArray[np.float64], at: NDArray[np.float64], seen: Bool, length: int) -> NDArray[np.float64]:
    """Interpolate norms (S, V) at the frame times `at` (S,), where a body is seen, to (length, V) in all frames."""
    frames = np.arange(length)
    if not seen.any():
        return np.zeros((length, size.shape[1]))
    found = np.stack([np.interp(frames, at[seen], column[seen]) for column in size.T], axis=1)
    return found * ((frames >= np.floor(at[0])) & (frames <= np.ceil(at[-1])))[:, None]
