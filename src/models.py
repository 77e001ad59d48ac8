"""Print every model's layout, parameters and FLOPs: `python src/models.py data=ntu60_xsub data.frames=64`."""

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from stgdn.entry import door
from stgdn.results.layouts import print_layouts


@door("models")
def main(config: DictConfig) -> None:
    """Compose every model with the options given, and print the table."""
    given = list(HydraConfig.get().overrides.task)
    names = GlobalHydra.instance().config_loader().get_group_options("model")
    print_layouts(config, [compose("models", [*given, f"model={name}"]) for name in names if name != "shared"])


if __name__ == "__main__":
    main()
