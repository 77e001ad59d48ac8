"""Make a prepared store and batches from the `data` part of a config."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from stgdn.data.batches.settings import ClipSettings
from stgdn.data.clip import Reader
from stgdn.data.readers.custom.template import template
from stgdn.data.store.description import summary
from stgdn.data.store.parse import available_cores
from stgdn.data.store.prepare import prepare
from stgdn.data.store.shards import is_prepared, open_prepared
from stgdn.data.store.store import PreparedStore, Store, checksum
from stgdn.data.store.verified import verify_once
from stgdn.data.store.writer import lock_file
from stgdn.data.synthetic.demo_set import write_demo
from stgdn.errors import InputError
from stgdn.skeleton import layout, plain

if TYPE_CHECKING:  # stores are prepared and checked without PyTorch
    from stgdn.data.batches.datamodule import SkeletonData


def prepare_data(config: DictConfig) -> str:
    """Make the store that `config.data` names; returns a summary, or a template of a missing `dataset.yaml`."""
    data = config.data
    own = data.reader._target_ == "stgdn.data.readers.custom.CustomReader" and not is_prepared(data.store)
    if own and (text := template(Path(str(data.source)).expanduser())):
        return text
    keys = ("workers", "overwrite", "bad_share", "precision", "scale")
    store = _prepare(data, **{key: config[key] for key in keys})
    if config.verify:
        store.verify()
    complete(data, store)
    return summary(store, data.protocol)


def _prepare(data: DictConfig, overwrite: bool = False, **options: Any) -> Store:  # noqa: ANN401
    if data.synthetic and (overwrite or not (Path(data.store) / "store.json").exists()):
        write_demo(Path(data.source))
    reader: Reader = instantiate(data.reader)
    store = prepare(
        reader,
        data.store,
        data.dataset,
        source=data.source,
        synthetic=data.synthetic,
        settings=reader_settings(data),
        overwrite=overwrite,
        **options,
    )
    expect_reader(store, data)
    expect_source(store, data)
    return store


def reader_settings(data: DictConfig) -> dict[str, Any]:
    """Return the settings of a data config's reader, without the path of the source."""
    settings = OmegaConf.to_container(data.reader, resolve=True)
    assert isinstance(settings, dict)
    return {str(key): value for key, value in settings.items() if key not in ("_target_", "source")}


def expect_reader(store: PreparedStore, data: DictConfig) -> None:
    """Check that a store was made with the reader settings of the config; null fits any value.

    Raises:
        InputError: it was made with other settings.
    """
    for key, value in reader_settings(data).items():
        before = store.header.reader.get(key)
        if before != value and None not in (before, value):
            raise InputError(
                f"the store {store.folder} was made with data.reader.{key}={before}, not {value}: prepare it again "
                "with overwrite=true, or name another folder with data.store"
            )


def expect_source(store: PreparedStore, data: DictConfig) -> None:
    """Check that a store was made of the source that was typed, and of its `dataset.yaml` as that is now.

    Raises:
        InputError: it was made of another source, or a file that describes the source has changed since.
    """
    before, now = Path(store.header.source), Path(str(data.source))
    same = before.expanduser().resolve() == now.expanduser().resolve()
    again = f"`python src/prepare.py data={data.name} data.source={now} overwrite=true`"
    if not same and _is_typed("data.source"):
        raise InputError(
            f"the store {store.folder} was made of {before}, not of {now}: name another folder with data.store, or "
            f"prepare this one again with {again}"
        )
    for name, value in store.header.reader.items() if same else ():
        if isinstance(value, int) and (path := now.expanduser() / name).is_file() and checksum(path) != value:
            raise InputError(f"{path} has changed since the store {store.folder} was made: prepare it again, {again}")


def _is_typed(option: str) -> bool:
    """Return whether an option of the present command was given on the command line."""
    given = HydraConfig.get().overrides.task if HydraConfig.initialized() else ()
    return any(override.split("=")[0].lstrip("+") == option for override in given)


def open_store(data: DictConfig) -> PreparedStore:
    """Open the prepared store that the user's data config names; a missing synthetic one is prepared."""
    if data.synthetic:
        prepare_synthetic(data)
    return read_store(data)


def prepare_synthetic(data: DictConfig) -> None:
    """Prepare the synthetic store of a data config if it is missing; the processes of a run may all call this."""
    if not is_prepared(data.store):
        lock = Path(data.store).with_name(f"{Path(data.store).name}.synthetic.lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock_file(lock, wait=True):
            _prepare(data)  # nothing, if another process has done so meanwhile
            lock.unlink(missing_ok=True)


def read_store(data: DictConfig) -> PreparedStore:
    """Open the prepared store that a data config names, and complete the config. Nothing is written.

    Raises:
        InputError: no store; the sentence says how to get the data and prepare it.
    """
    if not is_prepared(data.store):
        name = shlex.quote(str(data.name))
        source = "" if data.synthetic else " data.source=PATH"
        after = "" if data.synthetic else f" with the path of the raw files; {data.obtain}"
        raise InputError(
            f"data={name} is not prepared ({data.store} is missing): type `python src/prepare.py data={name}{source}`"
            f"{after}; if it is prepared elsewhere, say data_root=FOLDER"
        )
    store = open_prepared(data.store)
    expect_reader(store, data)
    expect_source(store, data)
    if data.get("verify", True):  # older runs do not have it
        verify_once(store)
    complete(data, store)
    expect_store(store, data)
    return store


def complete(data: DictConfig, store: PreparedStore) -> None:
    """Fill in the values of a data config that are null from its store.

    These are layout, classes and their names, bodies, protocol and the length of the training clips.
    """
    classes = list(store.header.classes)
    found = {"layout": plain(store.layout), "num_classes": len(classes), "bodies": store.header.max_bodies}
    found["classes"] = classes  # so that a run's config and checkpoints know them without the store
    if any("${" in name for name in (*classes, *store.layout.joints)):
        raise InputError(
            f"the store {store.folder} has the name of a class or joint with '${{', which configs would replace: "
            "rename it in the source, then prepare it again with overwrite=true"
        )
    if store.protocols:
        found["protocol"] = next(iter(store.protocols))
    for key, value in found.items():
        if data.get(key) is None:  # older runs do not have all of them
            data[key] = value
    if data.reader.get("picture", ()) is None:
        data.reader.picture = store.header.reader.get("picture")
    if data.get("median_frames") is None:
        data.median_frames = median_frames(store, data.protocol)


def median_frames(store: PreparedStore, protocol: str) -> int | None:
    """Return the median length of a protocol's training clips; None if there is none, or the clips cannot be split."""
    try:
        lengths = store.clips["length"][store.split(protocol).train]
    except InputError:
        return None  # training and testing raise this error
    return round(float(np.median(lengths))) if len(lengths) else None


def build_data(config: DictConfig) -> "SkeletonData":
    """Return the data module of a config that the user has typed; missing synthetic data are prepared.

    The store is opened: it completes the config, and mistakes are found before a network is built.
    """
    return _data_module(config, open_store(config.data), config.data.protocol)


def stored_data(config: DictConfig, other: str | None = None, protocol: str | None = None) -> "SkeletonData":
    """Return the data module of a config that was read from a file; nothing is prepared.

    Args:
        config: of a run.
        other: the folder of another store to take clips from; its joint layout may be another one.
        protocol: name of the protocol that splits the clips; None for the config's.
    """
    data = config.data
    store = read_store(data) if other is None else _with_same_classes(open_prepared(other), data)
    return _data_module(config, store, protocol or data.protocol)


def _data_module(config: DictConfig, store: PreparedStore, protocol: str) -> "SkeletonData":
    data, settings = config.data, clip_settings(config.data)
    from stgdn.data.batches.datamodule import SkeletonData  # brings PyTorch: mistakes are found before

    module = SkeletonData(
        store,
        protocol,
        settings,
        layout=layout(data.input_layout),
        batch_size=config.batch_size,
        holdout=tuple(data.holdout) if isinstance(data.holdout, ListConfig) else (data.holdout,),
        train_share=data.get("train_share", 1.0),  # older runs do not have it
        workers=loader_workers(config) if config.workers is None else config.workers,
        seed=config.seed,
    )
    module.setup()
    return module


def loader_workers(config: DictConfig) -> int:
    """Return the number of processes that make batches: up to 8 with a GPU; 0 on a CPU, which is busy."""
    import torch

    on_cpu = OmegaConf.select(config, "trainer.accelerator") == "cpu" or not torch.cuda.is_available()
    return 0 if on_cpu else min(8, available_cores() - 1)


def expect_store(store: PreparedStore, data: DictConfig) -> None:
    """Check that a store fits the config.

    Raises:
        InputError: another data set, joint layout or number of classes.
    """
    header = store.header
    meant = layout(data.layout)
    found = (header.dataset, store.layout, len(header.classes))
    if found != (data.dataset, meant, data.num_classes):
        raise InputError(
            f"the store {data.store} holds {found[2]} classes of layout {store.layout.name} from {found[0]}, "
            f"data={data.name} means {data.num_classes} of {meant.name} from {data.dataset}: point data.store "
            "elsewhere, or prepare it again with overwrite=true"
        )


def _with_same_classes(store: PreparedStore, data: DictConfig) -> PreparedStore:
    if (found := len(store.header.classes)) != data.num_classes:
        raise InputError(
            f"the store {store.folder} has {found} classes and the network was trained for {data.num_classes} of "
            f"{data.name}: only clips of the same classes can be tried"
        )
    return store


def clip_settings(data: DictConfig) -> ClipSettings:
    """Return the settings of a data config for making inputs from clips."""
    keys = ClipSettings.__dataclass_fields__
    options: dict[str, Any] = {str(key): data[key] for key in data if key in keys}
    options["rotate"] = tuple(data.rotate) if isinstance(data.rotate, ListConfig) else (data.rotate,)
    return ClipSettings(**options)
