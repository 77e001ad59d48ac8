"""Export of a trained network: write it, compare it with the original, and only then rename it to its final path."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from stgdn.errors import InputError, choose
from stgdn.export.checking import LIMIT, Scorer, clips_per_second, largest_difference
from stgdn.export.onnx_file import open_onnx, write_onnx
from stgdn.export.torch_file import open_torch, write_torch
from stgdn.export.weights_files import open_folder, write_folder
from stgdn.files import file_name, replacing, replacing_folder
from stgdn.inference.classifier import TrainedNetwork
from stgdn.inference.load import is_weights_folder


class Format(NamedTuple):
    """Describe a format of exported networks.

    Attributes:
        suffix: of the file name; "" for a folder.
        runner: the program that computes with it.
        write: writes a network to a path.
        open: opens a path as a function from clips to scores.
        needs: modules that this package does not install.
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
    """Hold the result of an export.

    Attributes:
        path: of the file or folder.
        difference: the largest between scores of the export and of the trained network.
        speeds: clips per second on one thread, of both.
    """

    path: Path
    difference: float
    speeds: Mapping[str, float]


def chosen_format(name: str, *, folded: bool | None) -> Format:
    """Return the format of a name, ready to write.

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
    """Return the path to write, and make its folder: `given`, else `exports/DATA-MODEL-STREAM-seedN`.

    Raises:
        InputError: the path exists and may not be overwritten or is of another kind; another suffix; no folder.
    """
    config = network.config
    seed = f"-seed{config.seed}" if config.get("seed") is not None else ""
    name = f"{config.data.name}-{network.name}-{network.stream}{seed}{form.suffix}"
    path = Path("exports", file_name(name, "name of the export")) if given is None else Path(given)
    if form.suffix and path.suffix.lower() != form.suffix:
        raise InputError(f"write={path} must end in {form.suffix}")
    check_free(path, folder=not form.suffix, overwrite=overwrite)
    return path


def check_free(path: Path, *, folder: bool, overwrite: bool) -> None:
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
    """Write a network and compare the export with it; nothing is left at `path` if they differ.

    Args:
        network: on a CPU.
        form: see `chosen_format`.
        path: see `target`.
        clips: (N, C, T, V, M) for the comparison.
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
        speeds = clips_per_second({"PyTorch": network.network, form.runner: scorer}, clips, batch_size)
    return Exported(path, difference, speeds)
