"""The letter's Fig. 2 from two finished runs: `python src/figure2.py runs=[A,B] class=throw`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command


@command("figure2")
def main(config: DictConfig) -> None:
    """Lay the joints of a class's test clips out in the plane, for both runs; print how far apart layers keep them."""
    from stgdn.reports.output_file import output_path, save_figure, save_text

    picture = output_path(config.picture, "picture", (".png", ".pdf", ".svg"))
    page = output_path(config.page, "page", (".html",))
    from stgdn.inference.load import chosen_device
    from stgdn.reports.figures.embedding import caption, panels
    from stgdn.reports.figures.embedding_figure import embedding_figure, embedding_page, print_smoothing
    from stgdn.reports.figures.run_pair import default_path, open_pair, title
    from stgdn.wandb_tools.media import record_picture

    device, chosen = chosen_device(config.accelerator), str(config["class"])
    pair = open_pair(config.runs, config.data_root)
    drawn = panels(pair, chosen, device, clips=config.clips, seed=config.seed)
    picture = picture or default_path(config.outputs, pair, chosen)
    page = page or picture.with_suffix(".html")
    note = caption(pair, drawn, config.clips)
    figure = embedding_figure(drawn, title(pair, chosen))
    save_figure(figure, picture)
    save_text(embedding_page(drawn, title(pair, chosen), note), page)
    record_picture(figure, picture, pair[0][0].config.data.name, config.logger.wandb, config.logger.project)
    print_smoothing(drawn, note)
    print(f"{picture}\n{page}")


if __name__ == "__main__":
    main()
