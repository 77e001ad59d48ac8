"""Print every model's layout, parameters and FLOPs: `python src/models.py data=ntu60_xsub data.frames=64`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.cli.options import compose_choices


@command("models")
def main(config: DictConfig) -> None:
    """Compose every model with the options given, print the table, and draw the picture asked for."""
    from stgdn.reports.model_tables import heading, measure_networks, print_layouts
    from stgdn.reports.output_file import output_path, save_figure

    picture = output_path(config.picture, "picture", (".png", ".svg", ".pdf"))
    networks = measure_networks(compose_choices("models", "model"))
    title = heading(config, networks)
    print_layouts(networks, title)
    if picture is not None:
        from stgdn.reports.figures.network_figure import layouts_figure

        save_figure(layouts_figure(networks, title), picture)
        print(f"written: {picture}")


if __name__ == "__main__":
    main()
