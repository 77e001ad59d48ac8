"""Turn raw files into a prepared store: `python src/prepare.py data=nw_ucla data.source=NW-UCLA.zip`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command


@command("prepare")
def main(config: DictConfig) -> None:
    """Prepare and print what was read, skipped and why."""
    from stgdn.data.build import prepare_data

    print(prepare_data(config))


if __name__ == "__main__":
    main()
