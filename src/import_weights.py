"""Published weights of 2s-AGCN or ST-GCN for this suite: `python src/import_weights.py weights=FILE model=agcn`."""

from pathlib import Path

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.export.exporting import target
from stgdn.export.formats import chosen_format
from stgdn.export.importing import import_weights
from stgdn.files import replacing_folder


@command("import_weights")
def main(config: DictConfig) -> None:
    """Rename the weights and write them as a folder that `stgdn.load` reads."""
    form = chosen_format("safetensors", folded=False)
    network = import_weights(Path(config.weights).expanduser(), config)
    path = target(network, form, config.write, overwrite=config.overwrite)
    with replacing_folder(path) as temporary:
        form.write(network, temporary)
    origin = network.config.origin
    print(f"{origin.file}: {len(network.network.state_dict())} weights of {origin.paper}, every one in its place")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
