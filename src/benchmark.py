"""Measure networks (`make bench`), or how fast clips are parsed and fed (`make bench-data`)."""

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from stgdn.benchmark.job import run
from stgdn.cli.entry import command
from stgdn.files import insert
from stgdn.reports.output_file import save_figure


@command("benchmark")
def main(config: DictConfig) -> None:
    """Measure, print the figures as Markdown and put them where `write` says."""
    results = run(config, list(HydraConfig.get().overrides.task))
    print(results.text)
    if results.figure is not None and results.picture is not None:
        save_figure(results.figure, results.picture)
        print(f"\nfigures: {results.picture.with_suffix('.json')}, picture: {results.picture}")
    if config.write is not None:
        insert(config.write, results.section, results.text)


if __name__ == "__main__":
    main()
