"""Train a network and test it: `python src/train.py model=st_gdn data=ntu120_cset`; `--help` shows more."""

from omegaconf import DictConfig

from stgdn.data.building import build_data
from stgdn.entry import door
from stgdn.results.reporting import announce, report_run
from stgdn.results.runs import Run
from stgdn.training.building import build_recognizer, build_trainer
from stgdn.training.job import fit


@door("train")
def main(config: DictConfig) -> float:
    """Train, test the last epoch, and write what people look at into the run's folder; returns test top-1."""
    data = build_data(config)
    recognizer = build_recognizer(config)
    run = Run.claim(config)
    announce(run, data, recognizer)
    trainer = build_trainer(config, run.folder)
    fit(trainer, recognizer, data, run.last_checkpoint if config.resume else None)
    return report_run(run, trainer, recognizer, data)


if __name__ == "__main__":
    main()
