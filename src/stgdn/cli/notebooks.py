"""Tools for notebooks: the config of a command (`src/*.py`), running a command, and small pictures."""

import io
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from matplotlib.figure import Figure
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from PIL import Image

from stgdn.cli.entry import MISTYPED, explanation
from stgdn.cli.options import unknown_option
from stgdn.errors import InputError, choose
from stgdn.runs.naming import run_name

ROOT = Path(__file__).resolve().parents[3]  # the folder that has src/ and conf/
COLOURS = 256  # of a picture, so that a byte a dot is enough


def compose_config(command: str, *options: str) -> DictConfig:
    """Return the config of `python src/COMMAND.py OPTIONS`; `train` has the `folder` that its run would have.

    Args:
        command: name of a script, `train`.
        options: as on the command line, `data=nw_ucla`.

    Raises:
        InputError: no such script, option or choice.
    """
    script(command)
    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None  # that of a command which has run in this process
    with hydra.initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        try:
            config = hydra.compose(command, list(options))
            if command == "train":
                config.folder = str(Path(config.folder).with_name(run_name(config.recipe_name, config.seed, options)))
            return config
        except (HydraException, OmegaConfBaseException) as error:
            mistyped = MISTYPED.search(str(error))
            reason = explanation(error)
    raise InputError(unknown_option(mistyped[1], ROOT / "conf", command, options) if mistyped else reason)


def run(command: str, *options: str) -> None:
    """Run `python src/COMMAND.py OPTIONS` in the current folder; its output is printed line by line.

    Args:
        command: name of a script, `train`.
        options: as on the command line; nothing has to be quoted.

    Raises:
        InputError: no such script, or the command failed: with its last line.
    """
    place, last = script(command), ""
    print(f"$ python src/{place.name} {shlex.join(options)}".rstrip(), flush=True)
    words = [sys.executable, str(place), *options]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "encoding": "utf-8"}
    with subprocess.Popen(words, env=plain_environment(), **streams) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = line.strip() or last
            print(line, end="", flush=True)
    if process.returncode:
        raise InputError(f"src/{place.name} ended with exit code {process.returncode}: {last.removeprefix('error: ')}")


def plain_environment() -> dict[str, str]:
    """Return environment variables with which a command prints no colours and finds this Python on PATH."""
    kept = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
    found = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {"COLUMNS": "140"} | kept | {"NO_COLOR": "1", "TERM": "dumb", "PYTHONUTF8": "1", "PATH": found}


def script(command: str) -> Path:
    """Return the file of a command."""
    commands = {path.stem: path for path in sorted((ROOT / "src").glob("*.py"))}
    return commands[choose(command, commands, "command")]


@dataclass(frozen=True)
class Picture:
    """Holds a figure that a notebook shows as the last value of a cell, as a small PNG.

    Attributes:
        figure: the figure that is shown.
        dpi: dots per inch.
    """

    figure: Figure
    dpi: int = 80

    def _repr_png_(self) -> bytes:
        """Return the figure as a PNG of at most `COLOURS` colours."""
        drawn, small = io.BytesIO(), io.BytesIO()
        self.figure.savefig(drawn, dpi=self.dpi, facecolor="white")
        image = Image.open(drawn).convert("RGB")
        image = image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)  # also rare colours
        image.save(small, "png", optimize=True)
        return small.getvalue()
