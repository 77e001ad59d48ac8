"""Learned graphs and running covariances of a run's layers, as `layers.npz` holds them.

Names in the file, L from 1, V joints, K subsets, D entries of a whitened axis (`node`: V, `frame`: T):

    joints (V,), parents (V,)            names, and the parent of each joint; the root is its own
    physical (K, V, V)                   the skeleton's graph, the same in all layers; [k, i, j] is what j takes from i
    layerL.learned (K, V, V)             learned matrix that is added to it
    layerL.own_learned (K, V, V)         the same of the second graph of a `gdcn` block, if it has one
    layerL.edge_mask (K, V, V)           learned factor that ST-GCN multiplies it with
    layerL.AXIS.mean (D,)                running mean of what the layer whitens
    layerL.AXIS.covariance (D, D)        its running covariance, without the floor
    layerL.AXIS.root (D, D)              Σ^{-1/2} as evaluation uses it, with the floor
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from stgdn.errors import InputError
from stgdn.files import DAMAGE, replacing

Arrays = Mapping[str, NDArray]


def save_layers(path: Path, arrays: Arrays) -> None:
    """Write `layers.npz`; a failed write leaves no file."""
    with replacing(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)


def load_layers(path: Path) -> Arrays:
    """Read the arrays that `save_layers` wrote, by name.

    Raises:
        InputError: missing or not such a file.
    """
    try:
        with path.open("rb") as file:  # numpy leaves a file open that is no zip
            content = np.load(file, allow_pickle=False)
            arrays = dict(content) if isinstance(content, NpzFile) else {}
    except DAMAGE as error:
        raise InputError(f"{path} cannot be read: {error}; train that run again to have it") from None
    if "joints" not in arrays or "physical" not in arrays:
        raise InputError(f"{path} is not a file of layers: it has no joints or no graph")
    return arrays
