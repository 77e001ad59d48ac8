"""Put whitening in front of the filters of a network that is there, trained or not: `stgdn.deconvolve`."""

import copy
import math
from collections.abc import Sequence
from typing import Any, TypeVar

from torch import nn

from stgdn.errors import InputError, choose
from stgdn.model.backbone import Backbone, expand_row
from stgdn.model.block import Block, whitened_name
from stgdn.model.whitened_filters import WHITEN, WHITENED, Whitened
from stgdn.model.whitening import Whitening

AnyBackbone = TypeVar("AnyBackbone", bound=Backbone)


def deconvolve(network: AnyBackbone, whiten: Sequence[str] | str = "node", **whitening: Any) -> AnyBackbone:  # noqa: ANN401
    """Return a copy of a network that whitens in front of its filters, as the row `model.whiten` of a config does.

    The weights are kept. Running statistics begin at mean 0 and covariance I: train the copy, or let it compute some
    batches in training mode, before it is evaluated.

    Args:
        network: a `Network` or `Backbone`, not folded; it is not changed.
        whiten: one word for all layers or one for each: `none`, `node`, `frame`, `node+frame` or `channel`.
        **whitening: options of `Whitening`, such as iterations, eps, statistics.

    Raises:
        InputError: an unknown word, a list of another length than there are layers, a layer that whitens the same axis
            already, a folded network, or a patch, with which filters take other weights.
    """
    if whitening.get("patch", 1) != 1:
        raise InputError("with a patch filters take more channels: build the network with model.whiten=channel instead")
    words = [choose(word, WHITEN, "choice of whiten") for word in expand_row(whiten, len(network.layers), "whiten")]
    changed = copy.deepcopy(network)
    C_in, frames, V, _ = network.clip_shape
    for layer, word, C_out, stride in zip(changed.layers, words, network.channels, network.strides, strict=True):
        if not isinstance(layer, Block):
            raise InputError(
                f"{network.name} is folded, for inference only: give deconvolve the network before folding"
            )
        sizes = {"node": V, "frame": frames, "channel": C_in}
        made = [None if axis is None else Whitening(axis, sizes[axis], **whitening) for axis in WHITEN[word]]
        layer.spatial, layer.temporal = map(whiten_filter, (layer.spatial, layer.temporal), made)
        C_in, frames = C_out, math.ceil(frames / stride)
    changed.block_names = [whitened_name(*row) for row in zip(network.block_names, words, strict=True)]
    changed.independent_bodies &= whitening.get("statistics") != "instance"
    return changed.to(network.classifier.weight)


def whiten_filter(filter: nn.Module, whitening: Whitening | None) -> nn.Module:
    """Return a filter of whitened x with the weights of `filter`, which may be changed; the same filter without any."""
    if whitening is None:
        return filter
    whitening.train(filter.training)
    kind = WHITENED.get((type(filter), whitening.axis))
    if kind is None:
        return Whitened(whitening, filter)
    filter.__class__, filter.whitening = kind, whitening  # it has nothing else that its parent has not
    return filter
