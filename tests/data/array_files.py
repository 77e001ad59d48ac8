"""Arrays as 2s-AGCN and CTR-GCN write them, made here frame by frame from clips, as their papers' code is described."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.readers.raw_files import CACHES
from stgdn.data.store.store import Store

FRAMES = 300
Float = NDArray[np.float32]


def walk(T: int, seed: int = 0, V: int = 25) -> Float:
    """A body (T, V, 3) three metres from the camera."""
    return np.random.default_rng(seed).normal((0, 0, 3), 0.3, (T, V, 3)).astype(np.float32)


def rotation(source: NDArray[np.floating], target: Sequence[float]) -> NDArray[np.float64]:
    """The smallest turn (3, 3) that takes the direction `source` to the direction `target`; matrix @ vector."""
    a, b = source / np.linalg.norm(source), np.array(target)
    x, y, z = np.cross(a, b)
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + skew + skew @ skew / (1 + a @ b)


def agcn(joints: Float) -> Float:
    """A clip (M, T, 25, 3) as a row (3, 300, 25, 2) of `train_data_joint.npy`: repeated, centred and turned."""
    row = np.zeros((2, FRAMES, *joints.shape[2:]), np.float32)
    for body, own in zip(row, joints, strict=False):
        if not own[0].any():
            own = own[own.any(axis=(1, 2))]
        while len(own) and not own[-1].any():
            own = own[:-1]
        for t in range(FRAMES if len(own) else 0):
            body[t] = own[t % len(own)]
    middle = row[0, :, 1].copy()
    for body in row:
        for t in range(FRAMES):
            if body[t].any():
                body[t] -= middle[t]
    upright = rotation(row[0, 0, 1] - row[0, 0, 0], (0, 0, 1))
    row = (row @ upright.T).astype(np.float32)
    across = rotation(row[0, 0, 8] - row[0, 0, 4], (1, 0, 0))
    return (row @ across.T).astype(np.float32).transpose(3, 1, 2, 0)


def ctr_gcn(joints: Float) -> Float:
    """A clip (M, T, 25, 3) as a row (300, 150) of `x_train`: centred on its first pose, filled up with zeros."""
    row = np.zeros((FRAMES, 2, 25, 3), np.float32)
    origin = next(pose for pose in joints[0] if pose.any())[1]
    for m, body in enumerate(joints):
        for t, pose in enumerate(body):
            if pose.any():
                row[t, m] = pose - origin
    return row.reshape(FRAMES, 150)


def write_agcn(
    folder: Path, split: str, clips: NDArray[np.floating], names: Sequence[object], labels: Sequence[object]
) -> Path:
    """One split of 2s-AGCN's folder; returns the folder."""
    folder.mkdir(exist_ok=True)
    np.save(folder / f"{split}_data_joint.npy", clips)
    (folder / f"{split}_label.pkl").write_bytes(pickle.dumps((names, labels)))
    return folder


def write_agcn_store(folder: Path, store: Store, training: NDArray[np.bool_]) -> Path:
    """All clips of a store as 2s-AGCN's folder."""
    for split, rows in (("train", np.flatnonzero(training).tolist()), ("val", np.flatnonzero(~training).tolist())):
        chosen = store.clips[rows]
        names, labels = [f"{name}.skeleton" for name in chosen["name"]], list(chosen["label"])
        write_agcn(folder, split, np.stack([agcn(store.joints(row)) for row in rows]), names, labels)
    return folder


def write_ctr_gcn_store(path: Path, store: Store, training: NDArray[np.bool_], classes: int) -> Path:
    """All clips of a store as CTR-GCN's file."""
    arrays = {}
    for split, rows in (("train", np.flatnonzero(training).tolist()), ("test", np.flatnonzero(~training).tolist())):
        arrays[f"x_{split}"] = np.stack([ctr_gcn(store.joints(row)) for row in rows])
        arrays[f"y_{split}"] = np.eye(classes)[store.clips["label"][rows]]
    np.savez(path, **arrays)
    return path


def forget_files() -> None:
    """Forget files that readers have loaded: a file of the same time and size would not be loaded again."""
    for cache in CACHES:
        cache.cache_clear()
