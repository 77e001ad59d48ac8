"""Look at the newest runs in a terminal, while they train or after: `python src/watch.py`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.wandb_tools.watch_runs import watch


@command("watch")
def main(config: DictConfig) -> None:
    """Open W&B's terminal dashboard on what runs recorded, until the user types `q`."""
    watch(config.outputs, config.newest)


if __name__ == "__main__":
    main()
