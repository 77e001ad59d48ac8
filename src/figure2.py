"""The letter's Fig. 2 from two finished runs: `python src/figure2.py runs=[A,B] class=throw`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.inference.load import chosen_device
from stgdn.reports.figures.embedding_figure import embedding_figure
from stgdn.reports.figures.embedding_page import embedding_page, write_page
from stgdn.reports.figures.figure2 import caption, default_path, panels, print_smoothing, title
from stgdn.reports.fusion.pairs import open_pair
from stgdn.reports.output_file import output_path, save_figure
from stgdn.wandb_tools.media import record_picture


@command("figure2")
def main(config: DictConfig) -> None:
    """Lay the joints of a class's test clips out in the plane, for both runs; print how far apart layers keep them."""
    picture = output_path(config.picture, "picture", (".png", ".pdf", ".svg"))
    page = output_path(config.page, "page", (".html",))
    device, chosen = chosen_device(config.accelerator), str(config["class"])
    pair = open_pair(config.runs, config.data_root)
    drawn = panels(pair, chosen, device, clips=config.clips, seed=config.seed)
    picture = picture or default_path(config.outputs, pair, chosen, ".png")
    page = page or default_path(config.outputs, pair, chosen, ".html")
    note = caption(pair, drawn, config.clips)
    figure = embedding_figure(drawn, title(pair, chosen))
    save_figure(figure, picture)
    write_page(page, embedding_page(drawn, title(pair, chosen), note))
    record_picture(figure, picture, pair[0][0].config.data.name, config.logger.wandb, config.logger.project)
    print_smoothing(drawn, note)
    print(f"{picture}\n{page}")


if __name__ == "__main__":
    main()
