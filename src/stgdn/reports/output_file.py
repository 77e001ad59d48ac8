"""Files that people name for results, checked before anything long begins."""

import warnings
from pathlib import Path

from matplotlib.figure import Figure

from stgdn.errors import InputError
from stgdn.files import replacing

DPI = 110


def target(given: str | None, option: str, suffixes: tuple[str, ...]) -> Path | None:
    """The file to write, whose folder is made; None if none is wanted.

    Args:
        given: what `option` was set to.
        option: how to name it in errors.
        suffixes: kinds of files that can be written, such as `.png`.

    Raises:
        InputError: another kind of file, a folder, or below something that is not a folder.
    """
    if given is None:
        return None
    path = Path(given)
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{option}={given} cannot be written: its name must end in {' or '.join(suffixes)}")
    if path.is_dir():
        raise InputError(f"{option}={given} is a folder: give the name of a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{option}={given} cannot be written: {path.parent} is not a folder") from None
    return path


def save(figure: Figure, path: Path) -> None:
    """Write a picture, whole or not at all, in the format of its suffix."""
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name in a script that the font lacks: boxes in the picture
        figure.savefig(temporary, dpi=DPI)
