"""Output files named by options, checked before a long computation starts."""

from pathlib import Path
from typing import TYPE_CHECKING

from stgdn.errors import InputError
from stgdn.files import replacing
from stgdn.fonts import missing_characters_told

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110


def output_path(given: str | None, option: str, suffixes: tuple[str, ...]) -> Path | None:
    """Check an output path and create its folder; None if no file was requested.

    Args:
        given: value of the option.
        option: name of the option, for messages.
        suffixes: allowed ones, such as `.png`.

    Raises:
        InputError: another suffix, a folder, or a path below a file.
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


def save_text(text: str, path: Path) -> None:
    """Write a text file; a failed write leaves no file."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure in the format of the suffix; a failed write leaves no file."""
    with replacing(path) as temporary, missing_characters_told(str(path)):
        figure.savefig(temporary, dpi=DPI)
