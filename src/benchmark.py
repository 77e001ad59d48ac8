"""Measure how fast clips are parsed and fed: `make bench-data`; `what=scale` measures a store of NTU-120's size."""

from omegaconf import DictConfig

from stgdn.benchmark.job import measure
from stgdn.benchmark.timing import insert
from stgdn.entry import door


@door("benchmark")
def main(config: DictConfig) -> None:
    """Measure, print the figures as Markdown and put them where `write` says."""
    figures = measure(config)
    print(figures)
    if config.write is not None:
        insert(config.write, config.what, figures)


if __name__ == "__main__":
    main()
