"""Train a finished run again and compare: `python src/reproduce.py run=outputs/demo/st_gdn/joint/demo-seed1`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command


@command("reproduce")
def main(config: DictConfig) -> bool:
    """Train into FOLDER+reproduced by the run's own config; print what differs; returns whether all bits are equal."""
    from stgdn.runs.run import Run

    run = Run.open(config.run, config.data_root)
    again = run.reproduction(overwrite=config.overwrite)
    from stgdn.data.build import stored_data
    from stgdn.environment import environment
    from stgdn.reports.reproduction import compare_runs, print_differences
    from stgdn.reports.run_report import print_start, report_run
    from stgdn.training.fit import fit, interruptible, leave_process_group
    from stgdn.training.recognizer import stored_recognizer
    from stgdn.training.trainer import build_trainer

    data = stored_data(again.config)
    recognizer = stored_recognizer(again.config)
    if again.config.get("init") is not None and again.starts_anew:
        from stgdn.inference.initial_weights import start_from

        start_from(recognizer, again.config.init)
    trainer = build_trainer(again.config, again.folder, stored=True)
    with again.lock():
        if not again.done:
            again.expect_free(ask=False)
            again.begin()
            if trainer.is_global_zero:
                print_start(again, data, recognizer)
            begun_in = environment(trainer.strategy.root_device, data.store.header.checksums)
            with interruptible(trainer):
                fit(trainer, recognizer, data, again.checkpoints if again.resumes else [])
                report_run(again, trainer, recognizer, data, {"command": None, "environment": begun_in})
            leave_process_group(trainer)
    if not trainer.is_global_zero:
        return False
    found = compare_runs(run.folder, again.folder)
    print_differences(found)
    return found.equal


if __name__ == "__main__":
    main()
