"""A command in a process of its own that can be killed, forked from one that has imported what takes so long."""

import multiprocessing
import os
import runpy
import sys
import tempfile
from multiprocessing.process import BaseProcess
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
IMPORTS = ["stgdn.training.trainer", "stgdn.data.build", "stgdn.reports.run_report", "hydra", "webdataset"]


def start(script: Path, options: tuple[str, ...], folder: Path, environment: dict[str, str]) -> BaseProcess:
    """Begin `python SCRIPT OPTIONS` in a folder, as the leader of a group of processes; `log` there is what it prints.

    The environment is added to that of the process.
    """
    CONTEXT.set_forkserver_preload(IMPORTS)
    process = CONTEXT.Process(target=_run, args=(script, options, folder, environment))
    process.start()
    return process


def _run(script: Path, options: tuple[str, ...], folder: Path, environment: dict[str, str]) -> None:
    os.setsid()
    multiprocessing.set_start_method("fork", force=True)  # as without a server
    os.chdir(folder)
    os.environ.update(environment)
    tempfile.tempdir = None  # TMPDIR may be another one here
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    sys.argv = [str(script), *options]
    runpy.run_path(str(script), run_name="__main__")
