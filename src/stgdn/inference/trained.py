"""A trained network with its classes, preprocessing and config: `stgdn.load`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from omegaconf import DictConfig
from torch import Tensor, nn

from stgdn.data.clip import Clip
from stgdn.data.store.shards import open_prepared
from stgdn.errors import InputError
from stgdn.inference.preprocessing import Preprocessing
from stgdn.inference.probabilities import softmax
from stgdn.inference.weights_folder import WEIGHTS, is_weights_folder, read_weights_folder
from stgdn.model.fold import fold
from stgdn.runs.folder import FUSION, expect_run
from stgdn.runs.folder import checkpoint as checkpoint_of
from stgdn.runs.stored_config import stored_config
from stgdn.skeleton import Layout
from stgdn.training.recognizer import Recognizer, read_checkpoint, set_weights, stored_network


@dataclass(frozen=True)
class TrainedNetwork:
    """Hold a network in evaluation mode with its classes, preprocessing and config.

    Attributes:
        network: clips (N, C, T, V, M) to scores (N, classes).
        classes: names in the order of the scores.
        preprocessing: from raw clips to the network's input.
        config: the run's config.
        checkpoint: the file that the weights are from.
        epoch: number of epochs that the weights were trained for.
        stopped: a callback ended training before its last epoch.
    """

    network: nn.Module
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    config: DictConfig
    checkpoint: Path
    epoch: int
    stopped: bool = False

    @property
    def name(self) -> str:
        """Return the name of the network, such as `st_gdn`."""
        return str(self.config.model.name)

    @property
    def stream(self) -> str:
        """Return the network's stream: joint, bone, joint_motion or bone_motion."""
        return self.preprocessing.settings.stream

    @property
    def layout(self) -> Layout:
        """Return the joint layout of the run's data, also assumed for clips that name none."""
        return self.preprocessing.layout

    @property
    def finished(self) -> bool:
        """Return whether the run was trained to its last epoch, or to where a callback has ended it."""
        return self.stopped or self.epoch >= self.config.epochs

    @property
    def median_frames(self) -> int | None:
        """Return the median length of the training clips in frames; None if the run did not record it."""
        return self.config.data.get("median_frames")

    @property
    def device(self) -> torch.device:
        """Return the device of the weights."""
        return next(self.network.parameters()).device

    def to(self, device: torch.device | str) -> "TrainedNetwork":
        """Return a copy with the network moved to a device."""
        return replace(self, network=self.network.to(device))

    def inputs(self, clips: Sequence[Clip | ArrayLike], layout: Layout | None = None) -> Tensor:
        """Return the network's input (N, C, T, V, M) for clips; arguments as of `scores`."""
        return torch.from_numpy(self.preprocessing(clips, layout)).to(self.device)

    def scores(self, clips: Sequence[Clip | ArrayLike], layout: Layout | None = None) -> NDArray[np.float32]:
        """Return scores (N, classes), before the softmax.

        Args:
            clips: one or more; arrays are (M, T, V, C) in metres, y up, zeros where a body is not seen.
            layout: joints of the clips if not those of the run's data; they are mapped to the network's.

        Raises:
            InputError: a clip that cannot be used, joints that cannot be mapped, or a network that has diverged.
        """
        inputs = self.inputs(clips, layout)
        with torch.inference_mode():
            scores = self.network(inputs).float().cpu().numpy()
        if not np.isfinite(scores).all():
            raise InputError(f"{self.checkpoint}: the network's scores are not finite, it has diverged in training")
        return scores

    def probabilities(self, clips: Sequence[Clip | ArrayLike], layout: Layout | None = None) -> NDArray[np.float32]:
        """Return probabilities (N, classes); arguments as of `scores`."""
        return softmax(self.scores(clips, layout)).astype(np.float32)


def load(place: str | Path, checkpoint: str = "last") -> TrainedNetwork:
    """Load the network of a run, ready for raw clips.

    Args:
        place: a run's folder, `outputs/DATA/MODEL/STREAM/RECIPE-seedN`, finished or not, or a checkpoint file; a file
            is enough, wherever it lies; or a folder with `model.safetensors`, as `src/export.py` writes it.
        checkpoint: of a folder, `last` or the name of another one in its `checkpoints/`.

    Raises:
        InputError: no run, no such checkpoint, or a file that is none (pickled code is refused, nothing of it runs).
    """
    path = Path(place).expanduser()
    if path.name == WEIGHTS and path.is_file():
        path = path.parent
    if is_weights_folder(path):
        return _assembled(read_weights_folder(path), path / WEIGHTS)
    if not path.is_file():
        if (path / FUSION).exists():
            raise InputError(f"{path} is a fusion: give the runs that it was made from, run=[A,B]")
        if path.suffix == ".ckpt":
            raise InputError(f"no checkpoint file {path}: give one, or a run's folder outputs/DATA/MODEL/STREAM/NAME")
        expect_run(path)
        path = checkpoint_of(path, checkpoint)
    return _assembled(read_checkpoint(path), path)


def _assembled(content: dict[str, Any], path: Path) -> TrainedNetwork:
    """Build the network from the content of a checkpoint or of a weights folder."""
    config = _config(content, path)
    try:
        with torch.random.fork_rng(devices=[]):
            network = stored_network(config.model)
        recognizer = Recognizer(network, config.data.num_classes)
        preprocessing = Preprocessing.of(config.data)
    except (AttributeError, ImportError, TypeError, ValueError, KeyError) as error:
        raise InputError(f"{path} has a config that this version cannot use: {error}") from None
    if content.get("folded"):
        recognizer.network = fold(network)
    set_weights(recognizer, content["state_dict"], path)
    classes = class_names(config.data)
    stopped = bool(content.get("stopped", False))
    return TrainedNetwork(recognizer.network.eval(), classes, preprocessing, config, path, _epochs(content), stopped)


def class_names(data: DictConfig) -> tuple[str, ...]:
    """Return class names: as training recorded them, else as the prepared store has them, else `class 0`, ...

    Runs from before names were recorded need their store.
    """
    names = data.get("classes")
    if names is None:
        try:
            names = [] if "://" in str(data.store) else open_prepared(data.store).header.classes  # no network for names
        except InputError:
            names = []
    if len(names) != data.num_classes:
        names = [f"class {number}" for number in range(data.num_classes)]
    return tuple(str(name) for name in names)


def _config(content: dict[str, Any], path: Path) -> DictConfig:
    """Return the config that a checkpoint carries.

    Raises:
        InputError: there is none, or it is refused, see `stored_config`.
    """
    config = content.get("config")
    if not isinstance(config, dict):
        raise InputError(f"{path} does not carry the config of its run: train the run again with this version")
    return stored_config(config, path, ("data", "model"))


def _epochs(content: dict[str, Any]) -> int:
    """Return the number of epochs that a checkpoint was trained for."""
    return int(content.get("epoch", -1)) + 1
