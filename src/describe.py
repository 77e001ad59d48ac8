"""Say what is in a prepared store, as tables, a picture and JSON: `python src/describe.py data=nw_ucla`."""

from dataclasses import asdict

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.files import write_json


@command("describe")
def main(config: DictConfig) -> None:
    """Read the store that `config.data` names once, print the tables, write the files asked for."""
    from stgdn.data.build import open_store
    from stgdn.data.store.description import describe
    from stgdn.reports.output_file import output_path, save_figure
    from stgdn.reports.store_tables import print_contents

    picture = output_path(config.picture, "picture", (".png", ".pdf", ".svg"))
    numbers = output_path(config.json, "json", (".json",))
    store = open_store(config.data)  # it may say what the config leaves open, such as the protocol
    contents = describe(store, config.data.protocol)
    print_contents(contents)
    if numbers is not None:
        write_json(numbers, asdict(contents))
    if picture is not None:
        from stgdn.reports.figures.store_figure import contents_figure

        save_figure(contents_figure(contents), picture)
        print(picture)


if __name__ == "__main__":
    main()
