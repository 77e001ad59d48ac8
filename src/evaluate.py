"""Test a run again from its checkpoint: `python src/evaluate.py run=outputs/demo/st_gdn/joint/demo-seed1`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command


@command("evaluate")
def main(config: DictConfig) -> float:
    """Rebuild data and network from the run's own config, write metrics and per-clip scores; returns top-1."""
    from stgdn.runs.run import Run

    run = Run.open(config.run, config.data_root)
    from stgdn.data.build import stored_data
    from stgdn.reports.run_report import report_evaluation
    from stgdn.training.recognizer import load_recognizer
    from stgdn.training.scoring import score_split
    from stgdn.training.trainer import build_tester

    data = stored_data(run.config, config.store, config.protocol)
    recognizer = load_recognizer(run.config, run.checkpoint(config.checkpoint))
    scores = score_split(build_tester(config.accelerator), recognizer, data, config.split)
    return report_evaluation(run, data, scores, config.checkpoint, other=config.store is not None)


if __name__ == "__main__":
    main()
