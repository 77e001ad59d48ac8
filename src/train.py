"""Train a network and test it: `python src/train.py model=st_gdn data=ntu120_cset`; `--help` shows more."""

import math
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from stgdn.cli.entry import command, sweeping
from stgdn.cli.options import positive_int
from stgdn.runs.lock import LockedError
from stgdn.runs.naming import run_folder
from stgdn.runs.run import Run, started_together

if TYPE_CHECKING:
    import lightning

    from stgdn.data.batches.datamodule import SkeletonData
    from stgdn.training.recognizer import Recognizer


@command("train")
def main(config: DictConfig) -> float:
    """Train, test the last epoch, and write figures and results into the run's folder; returns the run's objective."""
    config.folder = run_folder(config)
    run = Run(config.folder, config)
    if sweeping() and run.done:
        return found_finished(run)
    positive_int(config, "epochs")
    from stgdn.data.build import build_data

    data = build_data(config)
    from stgdn.training.trainer import build_recognizer, build_trainer, try_network

    recognizer = build_recognizer(config)
    trainer = build_trainer(config, run.folder)
    try_network(recognizer, config, data, trainer.strategy.root_device)
    if config.init is not None and run.starts_anew:
        from stgdn.inference.initial_weights import start_from

        started = start_from(recognizer, config.init)
        if trainer.is_global_zero:
            print(started, flush=True)
    try:
        with run.lock():
            if (sweeping() or config.resume) and run.done:
                return found_finished(run)
            return train(run, trainer, recognizer, data)
    except LockedError as error:
        if not sweeping() or (trainer.world_size > 1 and started_together()):
            raise
        print(f"passed over: {error}", flush=True)
        return math.nan


def train(run: Run, trainer: "lightning.Trainer", recognizer: "Recognizer", data: "SkeletonData") -> float:
    """Train and test in a folder that no other process uses."""
    from stgdn.environment import environment
    from stgdn.reports.run_report import print_end, print_start, report_run
    from stgdn.runs.commands import training_command
    from stgdn.training.fit import fit, interruptible, leave_process_group
    from stgdn.training.profiling import profile_summary
    from stgdn.wandb_tools.logger import add_loggers

    run.expect_free(ask=not sweeping())
    add_loggers(trainer, run.config, run.folder, recognizer.network)
    run.begin()
    if trainer.is_global_zero:
        print_start(run, data, recognizer)
    begun_in = environment(trainer.strategy.root_device, data.store.header.checksums)
    origin = {"command": training_command(), "environment": begun_in}
    with interruptible(trainer):
        fit(trainer, recognizer, data, run.checkpoints if run.resumes else [])
        summary = report_run(run, trainer, recognizer, data, origin)
    if summary is not None:
        print_end(run, summary, data)
    if run.config.trainer.profiler is not None and trainer.is_global_zero:
        print(profile_summary(run.folder, run.config.trainer.profiler))
    leave_process_group(trainer)
    return run.objective() if trainer.is_global_zero else math.nan


def found_finished(run: Run) -> float:
    """Say that a run was finished before; returns its objective."""
    run.expect_same_config()
    print(f"nothing left to do, finished before: {run.folder}", flush=True)
    return run.objective()


if __name__ == "__main__":
    main()
