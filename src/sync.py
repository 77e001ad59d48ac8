"""Upload what W&B recorded without a network: `python src/sync.py`; it needs `wandb login`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command


@command("sync")
def main(config: DictConfig) -> None:
    """Upload every offline run that has not been uploaded."""
    from stgdn.wandb_tools.upload import upload

    upload(config.outputs, config.project, config.entity)


if __name__ == "__main__":
    main()
