"""Start of all commands (`src/*.py`): a user's mistake gives one sentence and exit code 1, never a traceback."""

import errno
import functools
import os
import re
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stgdn.cli.options import check_kinds
from stgdn.errors import InputError, choose
from stgdn.runs import naming

UNWRITABLE = (errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT, errno.EFBIG)

naming.register()


def command(config_name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Make a script's `main` a Hydra program on `conf/CONFIG_NAME.yaml` that ends in a sentence, not a traceback."""

    def decorate(main: Callable[[DictConfig], Any]) -> Callable[[], None]:
        folder = Path(main.__code__.co_filename).resolve().parents[1] / "conf"

        @functools.wraps(main)
        def job(config: DictConfig) -> Any:  # noqa: ANN401
            with _sweep_errors(config, main.__code__.co_filename) if sweeping() else _user_errors():
                check_kinds(config, config_name)
                naming.check_names(config)
                return main(config)

        @functools.wraps(main)
        def program() -> None:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions come here instead of being printed there
            sys.argv[1:] = [_renamed(argument) for argument in sys.argv[1:]]
            with _user_errors(folder, config_name):
                hydra.main(version_base="1.3", config_path=str(folder), config_name=config_name)(job)()

        return program

    return decorate


def _renamed(argument: str) -> str:
    """Return an argument with the present name of its option, and say so if the given one is a former name."""
    override = naming.renamed(argument)
    if override != argument:
        old, new = naming.option(argument), naming.option(override)
        print(f"note: the option {old} is now called {new}", file=sys.stderr, flush=True)
    return override


class RunError(InputError):
    """A run of a sweep failed: the reason has been printed, the other runs of the sweep continue."""


def sweeping() -> bool:
    """Return whether this is a job of a sweep, or of a launcher that makes every run a job."""
    return HydraConfig.get().mode == RunMode.MULTIRUN


@contextmanager
def _user_errors(folder: Path | None = None, config_name: str = "") -> Iterator[None]:
    """Turn errors that a user can cause into one sentence and exit code 1."""
    try:
        yield
    except KeyboardInterrupt as stop:
        _exit(str(stop) or "interrupted; the same command with resume=true goes on (preparation does by itself)", 130)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(141)
    except Exception as error:
        message = explanation(error)
        if folder is not None and (mistyped := re.search(r"[Cc]ould not override '([\w.]+)'", str(error))):
            message = unknown_option(mistyped[1], folder, config_name)
        if message is None:
            raise
        _exit(message)


@contextmanager
def _sweep_errors(config: DictConfig, script: str) -> Iterator[None]:
    """Print at once why a job of a sweep failed, and let the other jobs of the sweep continue.

    Inside, the command line is that of this run alone: Lightning starts further processes with it.
    """
    overrides = list(HydraConfig.get().overrides.task)
    command, sys.argv = sys.argv, [script, *overrides, "hydra.mode=RUN"]
    try:
        yield
    except Exception as error:
        message = explanation(error)
        if message is None:
            traceback.print_exc()
            message = f"{type(error).__name__}: {error}"
        failure = f"{config.get('folder') or ' '.join(overrides)}: {message}"
        print(f"error: {failure}", file=sys.stderr, flush=True)
        raise RunError(failure) from None
    finally:
        sys.argv = command


def explanation(error: Exception) -> str | None:
    """Return the sentence for a mistake of the user or a full disk; None for any other error, which is a bug."""
    if isinstance(error, RunError):
        return "not every run of the sweep has finished, see above; the same command does only what is missing"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        return unknown_choice(error.missing_cfg_file, error.options)
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        cause = error.__cause__
        return explanation(cause) if isinstance(cause, InputError) else sentence(error)
    if isinstance(error, OSError):
        full = error.errno is None and "written" in str(error)  # as numpy says it
        if full or error.errno in UNWRITABLE:
            what = error.strerror or "no space left on the disk"
            return f"{what} while writing {error.filename or 'a file'}; nothing that was finished is lost"
    return None


def _exit(message: str, code: int = 1) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def sentence(error: Exception) -> str:
    """Shorten Hydra's several lines about a mistyped option to one sentence."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    noise = ("full_key", "object_type", "reference_type", "See https", "Config search path", "provider=")
    text = re.sub(r"\s+", " ", "; ".join(line for line in lines if not line.startswith(noise)))
    return textwrap.shorten(text, 600) + " (`--help` lists the options, `--cfg job` prints the config)"


def unknown_choice(given: str, options: Sequence[str]) -> str | None:
    """Return the sentence for a choice `GROUP/NAME` that has no file in conf/GROUP."""
    if given == "hydra/sweeper/optuna":
        return "a search needs Optuna: type `pip install -e '.[search]'`"
    group, _, name = given.rpartition("/")
    try:
        choose(name, options, group)
    except InputError as error:
        return str(error)
    return None


def unknown_option(option: str, folder: Path, config_name: str) -> str:
    """Return the sentence for an option that `conf/` does not have, with the nearest one that it has."""
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(folder), version_base="1.3"):
        known = list(_dotted(OmegaConf.to_container(hydra.compose(config_name))))
    near = get_close_matches(option, known, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return f"unknown option '{option}'{hint} (`--help` lists the options, `--cfg job` prints the config)"


def _dotted(content: Any, prefix: str = "") -> Iterator[str]:  # noqa: ANN401
    """Yield every dotted key of nested dictionaries, groups included."""
    for key, value in content.items() if isinstance(content, dict) else ():
        yield f"{prefix}{key}"
        yield from _dotted(value, f"{prefix}{key}.")
