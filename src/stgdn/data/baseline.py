"""A baseline without a network and without motion: the nearest class mean of the average pose."""

import numpy as np
from numpy.typing import NDArray

from stgdn.data.batches.datamodule import SkeletonData


def trivial_accuracy(data: SkeletonData) -> float:
    """Return the test accuracy of the nearest class mean of the average pose."""
    store, splits = data.store, data.splits
    root = store.layout.centre
    poses = np.stack([_average_pose(store.joints(index), root) for index in range(len(store))])
    labels = store.clips["label"]
    train = np.union1d(splits["train"], splits["holdout"])
    means = np.stack([poses[train][labels[train] == label].mean(axis=0) for label in np.unique(labels[train])])
    distances = np.linalg.norm(poses[splits["test"], None] - means[None], axis=2)
    nearest = np.unique(labels[train])[distances.argmin(axis=1)]
    return float((nearest == labels[splits["test"]]).mean())


def _average_pose(joints: NDArray[np.float32], root: int) -> NDArray[np.float32]:
    """Return the mean over the frames in which a body of (M, T, V, C) is seen of joints minus root, as one row."""
    seen = (joints != 0).any(axis=(2, 3))
    centred = joints - joints[:, :, root : root + 1]
    return (centred.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)[:, None, None]).ravel()
