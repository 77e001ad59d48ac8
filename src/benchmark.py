"""Measure networks (`make bench`), or how fast clips are parsed and fed (`make bench-data`)."""

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.files import insert


@command("benchmark")
def main(config: DictConfig) -> None:
    """Measure, print the figures as Markdown and put them where `write` says."""
    from stgdn.benchmark.job import measure
    from stgdn.reports.output_file import save_figure

    found = measure(config, list(HydraConfig.get().overrides.task))
    print(found.text)
    if found.figure is not None and found.picture is not None:
        save_figure(found.figure, found.picture)
        print(f"\nfigures: {found.picture.with_suffix('.json')}, picture: {found.picture}")
    if config.write is not None:
        insert(config.write, found.section, found.text)


if __name__ == "__main__":
    main()
