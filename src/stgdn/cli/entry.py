"""Start of all commands (`src/*.py`): a user's mistake gives one sentence and exit code 1, never a traceback.

An error in code that is not the suite's (a class that a config names, a library) shows where that code raised it.
"""

import errno
import functools
import os
import re
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from stgdn.cli.options import check_options, quoted, unknown_choice, unknown_option
from stgdn.errors import DivergedError, InputError
from stgdn.runs import naming
from stgdn.runs.commands import interpreter, own_configs
from stgdn.runs.own_classes import trusting

UNWRITABLE = (errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT, errno.EFBIG)
NO_PLACE = (errno.ENOENT, errno.ENOTDIR)  # for a new folder
MISTYPED = re.compile(r"[Cc]ould not override '([\w.]+)'")  # in Hydra's message
UNLOCATED = re.compile(r"Error locating target '([^']*)'")  # as above
SUITE = ("stgdn", "__main__")  # packages of this suite's code
WORST = 0.0  # top-1 that a search notes for options with which training diverges
PLUMBING = {"hydra", "omegaconf", "antlr4", *sys.stdlib_module_names}  # packages that only call what a config names

naming.register()


def command(config_name: str) -> Callable[[Callable[[DictConfig], Any]], Callable[[], None]]:
    """Make a script's `main` a Hydra program on `conf/CONFIG_NAME.yaml` that ends in a sentence, not a traceback."""

    def decorate(main: Callable[[DictConfig], Any]) -> Callable[[], None]:
        folder = Path(main.__code__.co_filename).resolve().parents[1] / "conf"

        @functools.wraps(main)
        def job(config: DictConfig) -> Any:  # noqa: ANN401
            import_own_code()
            with (
                _sweep_errors(config, main.__code__.co_filename) if sweeping() else _user_errors(),
                trusting(config.get("trust")),
            ):
                check_options(config, config_name)
                naming.check_names(config)
                try:
                    return main(config)
                except DivergedError as error:
                    if not _searching():
                        raise
                    print(f"diverged: {config.folder}: {error}", file=sys.stderr, flush=True)
                    return WORST

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


def import_own_code() -> None:
    """Let configs name classes in the current folder and in folders of own configs; other places come first."""
    own = (place.removeprefix("file://") for place in own_configs() if place.startswith("file://"))
    folders = [str(Path(folder).absolute()) for folder in (".", *own)]
    sys.path += [folder for folder in folders if folder not in sys.path]


class RunError(InputError):
    """A run of a sweep failed: the reason has been printed, the other runs of the sweep continue."""


class EndOfSweep(Callback):
    """Say once what to do after a sweep, see `hydra.callbacks` in conf/train.yaml."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401, ARG002
        """Print commands to try next; Hydra calls this when every run has ended without an error."""
        print(f"\nnext: {interpreter()} src/report.py missing=false\n      make watch", flush=True)


def _returned(job: JobReturn) -> Any:  # noqa: ANN401
    """Return or raise what a job of a sweep did, without the line that Hydra prints beside our sentence."""
    if job.status is JobStatus.COMPLETED:
        return job._return_value
    raise job._return_value


JobReturn.return_value = JobReturn.return_value.getter(_returned)  # pyright: ignore[reportAttributeAccessIssue]


def sweeping() -> bool:
    """Return whether this is a job of a sweep, or of a launcher that makes every run a job."""
    return HydraConfig.get().mode == RunMode.MULTIRUN


def _searching() -> bool:
    """Return whether a sweeper goes by what the runs of this sweep return: Optuna's has a direction."""
    return sweeping() and "direction" in HydraConfig.get().sweeper


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
        if folder is not None and (mistyped := MISTYPED.search(str(error))):
            message = unknown_option(mistyped[1], folder, config_name, sys.argv[1:])
        if message is not None:
            _exit(message)
        if cause := foreign_cause(error):
            traceback.print_exception(cause)
            sys.exit(1)
        raise


@contextmanager
def _sweep_errors(config: DictConfig, script: str) -> Iterator[None]:
    """Print at once why a job of a sweep failed, and let the other jobs of the sweep continue.

    Inside, the command line is that of this run alone: Lightning starts further processes with it.
    """
    overrides = list(HydraConfig.get().overrides.task)
    folders = [f"hydra.searchpath=[{','.join(own)}]"] if (own := own_configs()) else []
    command, sys.argv = sys.argv, [script, *overrides, *folders, "hydra.mode=RUN"]
    try:
        yield
    except Exception as error:
        message = explanation(error)
        if message is None:
            cause = foreign_cause(error) or error
            traceback.print_exception(cause)
            message = f"{type(cause).__name__}: {cause}"
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
    if isinstance(error, OverrideParseException) and (fitting := quoted(error.override)):
        return f"{error.override} has a character that must stand in quotes: type {fitting}"
    if isinstance(error, ValueError) and str(error).startswith("Only one of --run, --multirun, --cfg"):
        return "--cfg and --info show one run and are not for sweeps: leave out --multirun (-m)"
    if isinstance(error, HydraException | OmegaConfBaseException):
        if isinstance(error.__cause__, InputError):
            return explanation(error.__cause__)
        return None if foreign_cause(error) or _misused(error) else sentence(error)
    if isinstance(error, TypeError) and _packages(error)[-1:] == ["hydra"]:  # it called with a wrong argument
        return f"{error}, which the config gives it (`--cfg job` prints the config)"
    if isinstance(error, OSError):
        full = error.errno is None and "written" in str(error)  # as numpy says it
        nowhere = error.errno in NO_PLACE and traceback.extract_tb(error.__traceback__)[-1].name == "mkdir"
        if full or nowhere or error.errno in UNWRITABLE:
            what = error.strerror or "no space left on the disk"
            return f"{what} while writing {error.filename or 'a file'}; nothing that was finished is lost"
    return None


def foreign_cause(error: BaseException) -> BaseException | None:
    """Return what code outside this suite raised while Hydra imported or called it; None if the config is wrong.

    A class that cannot be found, or one that takes no such argument, is a mistake in the config.
    """
    while (cause := error.__cause__) is not None:
        if isinstance(cause, SyntaxError):
            return cause
        if called := _callers(cause):
            return None if called[0] in SUITE else cause
        error = cause
    return None


def _misused(error: BaseException) -> bool:
    """Return whether code outside this suite used a config wrongly, such as a callback that reads an unknown option."""
    callers = _callers(error)
    return isinstance(error, OmegaConfBaseException) and bool(callers) and callers[-1] not in SUITE


def _callers(error: BaseException) -> list[str]:
    """Return the packages in which an error was raised, the outermost first, without Python's, Hydra's, OmegaConf's."""
    return [package for package in _packages(error) if package not in PLUMBING]


def _packages(error: BaseException) -> list[str]:
    """Return the package of every frame in which an error was raised, the outermost first."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [str(frame.f_globals.get("__name__")).partition(".")[0] for frame in frames]


def _exit(message: str, code: int = 1) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def sentence(error: Exception) -> str:
    """Shorten Hydra's several lines about a mistake in a config to one sentence."""
    if (missing := UNLOCATED.match(str(error))) and error.__cause__ is not None:
        reason = str(error.__cause__).splitlines()[-1]
        places = "Own code is found in the current folder, in that of --config-dir and by PYTHONPATH"
        return f"there is no {missing[1]}, which the config names: {reason} {places}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    noise = ("full_key", "object_type", "reference_type", "See https", "Config search path", "provider=")
    text = re.sub(r"\s+", " ", "; ".join(line for line in lines if not line.startswith(noise))).replace(":;", ":")
    return textwrap.shorten(text, 600) + " (`--help` lists the options, `--cfg job` prints the config)"
