"""A trained network into a file of a format: written, compared with the original, and only then put in its place."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from stgdn.errors import InputError, choose
from stgdn.export.checking import LIMIT, Scorer, clips_a_second, largest_difference
from stgdn.export.onnx_file import open_onnx, write_onnx
from stgdn.export.torch_file import open_torch, write_torch
from stgdn.export.weights_files import open_folder, write_folder
from stgdn.files import replacing, replacing_folder
from stgdn.inference.trained import TrainedNetwork
from stgdn.inference.weights_folder import is_weights_folder
from stgdn.runs.naming import file_name


class Format(NamedTuple):
    """A kind of file.

    Attributes:
        suffix: of its name; "" for a folder.
        runner: what computes with it.
        write: a network to a path.
        open: a path to a function from clips to scores.
        needs: modules that do not come with this package.
    """

    suffix: str
    runner: str
    write: Callable[..., None]
    open: Callable[[Path], Scorer]
    needs: tuple[str, ...] = ()


FORMATS = {
    "onnx": Format(".onnx", "ONNX Runtime", write_onnx, open_onnx, ("onnx", "onnxscript", "onnxruntime")),
    "torch_export": Format(".pt2", "torch.export", write_torch, open_torch),
    "safetensors": Format("", "stgdn.load", write_folder, open_folder),
}


class Exported(NamedTuple):
    """What was written.

    Attributes:
        path: where.
        difference: the largest between its scores and those of the trained network.
        speeds: clips a second on one thread, of both.
    """

    path: Path
    difference: float
    speeds: Mapping[str, float]


def chosen_format(name: str, *, folded: bool | None) -> Format:
    """The format of a name, ready to write.

    Args:
        name: a key of `FORMATS`.
        folded: whether whitening and BatchNorm become part of the weights; None: always but with safetensors.

    Raises:
        InputError: no such format, its modules are not installed, or unfolded weights for a graph.
    """
    chosen = FORMATS[choose(name, FORMATS, "format")]
    if missing := [module for module in chosen.needs if find_spec(module) is None]:
        raise InputError(f"format={name} needs {', '.join(missing)}: type `pip install -e '.[export]'`")
    if not chosen.suffix:
        return chosen._replace(write=partial(chosen.write, folded=bool(folded)))
    if folded is False:
        raise InputError(f"format={name} is for inference and always folded: say format=safetensors to train on")
    return chosen


def target(network: TrainedNetwork, form: Format, given: str | None, *, overwrite: bool) -> Path:
    """Where to write, whose folder is made: `given`, else `exports/DATA-MODEL-STREAM-seedN`.

    Raises:
        InputError: something is there and may not be overwritten or is of another kind; another suffix; no folder.
    """
    config = network.config
    seed = f"-seed{config.seed}" if config.get("seed") is not None else ""
    name = f"{config.data.name}-{network.name}-{network.stream}{seed}{form.suffix}"
    path = Path("exports", file_name(name, "name of the export")) if given is None else Path(given)
    if form.suffix and path.suffix.lower() != form.suffix:
        raise InputError(f"write={path} must end in {form.suffix}")
    free_for(path, folder=not form.suffix, overwrite=overwrite)
    return path


def free_for(path: Path, *, folder: bool, overwrite: bool) -> None:
    """Check that a file or folder may be written, and make the folder that it will be in.

    Raises:
        InputError: see `target`.
    """
    if path.exists():
        if not overwrite:
            raise InputError(f"{path} is there already: overwrite=true replaces it, write=PATH names another place")
        empty = path.is_dir() and not any(path.iterdir())
        if folder != path.is_dir() or (folder and not is_weights_folder(path) and not empty):
            raise InputError(
                f"{path} is no {'folder' if folder else 'file'} of such an export and stays: give write=PATH"
            )
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path} cannot be written: {path.parent} is no folder and cannot be made one") from None


def export(network: TrainedNetwork, form: Format, path: Path, clips: Tensor, batch_size: int) -> Exported:
    """Write a network, and compare what was written with it; nothing is left at `path` if they differ.

    Args:
        network: on a CPU.
        form: see `chosen_format`.
        path: see `target`.
        clips: (N, C, T, V, M) to compare on.
        batch_size: clips at a time, for the speeds.

    Raises:
        InputError: scores differ by more than `LIMIT`, or the network cannot be folded.
    """
    whole: Callable[[Path], AbstractContextManager[Path]] = replacing if form.suffix else replacing_folder
    with whole(path) as temporary:
        form.write(network, temporary)
        scorer = form.open(temporary)
        difference = largest_difference(network.network, scorer, clips)
        if not difference <= LIMIT:  # NaN neither
            raise InputError(
                f"{form.runner} differs from the trained network by {difference:.2g} in a score, more than {LIMIT:g}: "
                "nothing was written"
            )
        speeds = clips_a_second({"PyTorch": network.network, form.runner: scorer}, clips, batch_size)
    return Exported(path, difference, speeds)
