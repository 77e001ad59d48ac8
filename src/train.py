"""Train a network and test it: `python src/train.py model=st_gdn data=ntu120_cset`; `--help` shows more."""

import math

from omegaconf import DictConfig

from stgdn.cli.entry import command, sweeping


@command("train")
def main(config: DictConfig) -> float:
    """Train, test the last epoch, and write figures and results into the run's folder; returns the run's objective."""
    from stgdn.runs.naming import run_folder
    from stgdn.runs.run import Run

    config.folder = run_folder(config)
    run = Run(config.folder, config)
    if sweeping() and run.finished and not config.overwrite:
        run.expect_same_config()
        print(f"finished before: {run.folder}", flush=True)
        return run.objective()
    from stgdn.data.build import build_data

    data = build_data(config)
    from stgdn.reports.run_report import print_start, report_run
    from stgdn.training.fit import fit, interruptible, leave_process_group
    from stgdn.training.profiling import profile_summary
    from stgdn.training.trainer import build_recognizer, build_trainer

    recognizer = build_recognizer(config)
    run = Run.claim(config, ask=not sweeping())
    trainer = build_trainer(config, run.folder)
    if trainer.is_global_zero:
        print_start(run, data, recognizer)
    with interruptible(trainer):
        fit(trainer, recognizer, data, run.checkpoints if run.resumes else [])
        report_run(run, trainer, recognizer, data)
    if config.trainer.profiler is not None and trainer.is_global_zero:
        print(profile_summary(run.folder, config.trainer.profiler))
    leave_process_group(trainer)
    return run.objective() if trainer.is_global_zero else math.nan


if __name__ == "__main__":
    main()
