"""Print every model's layout, parameters and FLOPs: `python src/models.py data=ntu60_xsub data.frames=64`."""

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.reports.figures.network_figure import layouts_figure
from stgdn.reports.model_tables import heading, measure_networks, print_layouts
from stgdn.reports.output_file import output_path, save_figure


@command("models")
def main(config: DictConfig) -> None:
    """Compose every model with the options given, print the table, and draw the picture asked for."""
    picture = output_path(config.picture, "picture", (".png", ".svg", ".pdf"))
    given = list(HydraConfig.get().overrides.task)
    names = GlobalHydra.instance().config_loader().get_group_options("model")
    networks = measure_networks([compose("models", [*given, f"model={name}"]) for name in names if name != "shared"])
    title = heading(config, networks)
    print_layouts(networks, title)
    if picture is not None:
        save_figure(layouts_figure(networks, title), picture)
        print(f"written: {picture}")


if __name__ == "__main__":
    main()
