"""From the `data` part of a config to a prepared store and to batches."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig

from stgdn.data.clip import Reader
from stgdn.data.module import SkeletonData
from stgdn.data.preparation import available_cores, prepare
from stgdn.data.protocols import check_counts, training_mask
from stgdn.data.store import Store
from stgdn.data.synthetic import write_demo
from stgdn.data.transforms import ClipSettings
from stgdn.errors import InputError


def prepare_data(config: DictConfig) -> str:
    """Make the store that `config.data` names (a synthetic source is written first); returns a summary.

    Raises:
        InputError: the source is missing or unusable.
    """
    data = config.data
    store = _prepare(data, config.workers, config.overwrite, config.bad_share)
    if config.verify:
        store.verify()
    return summary(store, data.dataset, data.protocol)


def _prepare(data: DictConfig, workers: int | None, overwrite: bool, bad_share: float = 0.2) -> Store:
    if data.synthetic and (overwrite or not (Path(data.store) / "store.json").exists()):
        write_demo(Path(data.source))
    reader: Reader = instantiate(data.reader)
    return prepare(
        reader,
        data.store,
        data.dataset,
        source=data.source,
        synthetic=data.synthetic,
        workers=workers,
        overwrite=overwrite,
        bad_share=bad_share,
    )


def summary(store: Store, dataset: str, protocol: str) -> str:
    """What a store holds, what was left out and why, and how the protocol splits it."""
    header, clips = store.header, store.clips
    training = training_mask(protocol, clips["subject"], clips["camera"], clips["setup"])
    lines = [
        f"{'synthetic ' if header.synthetic else ''}{dataset}: {len(store):,} clips of {len(header.classes)} classes, "
        f"{header.rows:,} body frames, {store.coordinates.nbytes / 1e6:.0f} MB in {store.folder}",
        f"read from {header.source}",
        f"{protocol}: {training.sum():,} training and {(~training).sum():,} test clips",
    ]
    lines += [f"left out {count:,}: {reason}" for reason, count in header.skipped.items()]
    if header.expected is not None and header.expected != len(store):
        lines.append(f"note: {len(store):,} clips where the official lists leave {header.expected:,}")
    if difference := check_counts(dataset, protocol, int(training.sum()), int((~training).sum())):
        lines.append(f"note: {difference}")
    return "\n".join(lines)


def build_data(config: DictConfig) -> SkeletonData:
    """Batches of the prepared store that `config.data` names; a synthetic one is prepared when it is missing.

    Raises:
        InputError: no store; the sentence says how to make one and where the raw data comes from.
    """
    data = config.data
    if not (Path(data.store) / "store.json").exists():
        if not data.synthetic:
            raise InputError(
                f"data={data.name} is not prepared ({data.store} is missing): type `python src/prepare.py "
                f"data={data.name} data.source=PATH` with the path of the raw files; {data.obtain}"
            )
        _prepare(data, workers=None, overwrite=False)
    expect_store(Store(data.store), data)
    return SkeletonData(
        data.store,
        data.protocol,
        clip_settings(data),
        batch_size=config.batch_size,
        holdout=tuple(data.holdout) if isinstance(data.holdout, ListConfig) else (data.holdout,),
        workers=loader_workers() if config.workers is None else config.workers,
        seed=config.seed,
    )


def loader_workers() -> int:
    """Processes that make batches beside a GPU, up to 8; on a CPU none, the cores are busy training."""
    return min(8, available_cores() - 1) if torch.cuda.is_available() else 0


def expect_store(store: Store, data: DictConfig) -> None:
    """Check that a store is the one that the config means.

    Raises:
        InputError: another data set, joint layout or number of classes.
    """
    header = store.header
    found = (header.dataset, header.layout, len(header.classes))
    if found != (data.dataset, data.layout, data.num_classes):
        raise InputError(
            f"the store {data.store} holds {found[2]} classes of layout {found[1]} from {found[0]}, data={data.name} "
            f"means {data.num_classes} of {data.layout} from {data.dataset}: point data.store elsewhere, or prepare "
            "it again with overwrite=true"
        )


def clip_settings(data: DictConfig) -> ClipSettings:
    """The part of a data config that says how clips become inputs."""
    keys = ClipSettings.__dataclass_fields__
    options: dict[str, Any] = {str(key): data[key] for key in data if key in keys}
    options["rotate"] = tuple(data.rotate) if isinstance(data.rotate, ListConfig) else (data.rotate,)
    return ClipSettings(**options)


def trivial_accuracy(data: SkeletonData) -> float:
    """Test accuracy of the nearest class mean of the average pose: what needs no network and no motion."""
    store, splits = data.store, data.splits
    root = store.layout.centre
    poses = np.stack([_average_pose(store.joints(index), root) for index in range(len(store))])
    labels = store.clips["label"]
    train = np.union1d(splits["train"], splits["holdout"])
    means = np.stack([poses[train][labels[train] == label].mean(axis=0) for label in np.unique(labels[train])])
    distances = np.linalg.norm(poses[splits["test"], None] - means[None], axis=2)
    nearest = np.unique(labels[train])[distances.argmin(axis=1)]
    return float((nearest == labels[splits["test"]]).mean())


def _average_pose(joints: np.ndarray, root: int) -> np.ndarray:
    seen = (joints != 0).any(axis=(2, 3))
    centred = joints - joints[:, :, root : root + 1]
    return (centred.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)[:, None, None]).ravel()
