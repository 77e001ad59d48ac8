"""Export of a trained network: write it, compare it with the original, and only then rename it to its final path."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from torch import Tensor

from stgdn.errors import InputError
from stgdn.export.formats import Format
from stgdn.export.verification import clips_per_second, largest_difference
from stgdn.files import file_name, replacing, replacing_folder
from stgdn.inference.classifier import TrainedNetwork
from stgdn.inference.load import is_weights_folder

LIMIT = 1e-4  # largest difference of scores, which are of size 1 to 10


def expect_complete(network: TrainedNetwork, *, unfinished: bool) -> None:
    """Check that a network was trained to its end, unless an unfinished one is wanted.

    Raises:
        InputError: its training is unfinished.
    """
    if not network.finished and not unfinished:
        raise InputError(
            f"{network.checkpoint} is of epoch {network.epoch} of {network.config.epochs}: train it to its end with "
            "resume=true, or export it as it is with unfinished=true"
        )


def target(network: TrainedNetwork, form: Format, given: str | None, *, overwrite: bool) -> Path:
    """Return the path to write, and make its folder: `given`, else `exports/DATA-MODEL-STREAM-seedN`.

    Raises:
        InputError: another suffix than the format's.
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
        InputError: the path exists and may not be overwritten or is of another kind, or its folder cannot be made.
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


def export(
    network: TrainedNetwork, form: Format, path: Path, clips: Tensor, batch_size: int
) -> tuple[float, dict[str, float]]:
    """Write a network and compare the export with it; nothing is left at `path` if they differ.

    Returns the largest difference of a score, and the clips per second on one thread of both.

    Args:
        network: on a CPU.
        form: see `stgdn.export.formats.chosen_format`.
        path: see `target`.
        clips: (N, C, T, V, M) for the comparison.
        batch_size: clips at a time, for the speeds.

    Raises:
        InputError: scores differ by more than `LIMIT`.
    """
    replace: Callable[[Path], AbstractContextManager[Path]] = replacing if form.suffix else replacing_folder
    with replace(path) as temporary:
        form.write(network, temporary)
        scorer = form.open(temporary)
        difference = largest_difference(network.network, scorer, clips)
        if not difference <= LIMIT:  # NaN neither
            raise InputError(
                f"{form.runner} differs from the trained network by {difference:.2g} in a score, more than {LIMIT:g}: "
                "nothing was written"
            )
        speeds = clips_per_second({"PyTorch": network.network, form.runner: scorer}, clips, batch_size)
    return difference, speeds
