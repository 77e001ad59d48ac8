"""Export a trained network for other programs: `python src/export.py run=outputs/... format=onnx`."""

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.cli.messages import warn
from stgdn.cli.options import positive_int


@command("export")
def main(config: DictConfig) -> float:
    """Write the network, compare it with the original, and print the results; returns the largest difference."""
    from stgdn.export.exporting import expect_complete, export, target
    from stgdn.export.formats import chosen_format
    from stgdn.export.verification import clips_for
    from stgdn.inference.load import load

    form = chosen_format(config.format, folded=config.folded)
    count, batch_size = positive_int(config, "clips"), positive_int(config, "batch_size")
    network = load(config.run, config.checkpoint)
    expect_complete(network, unfinished=config.unfinished)
    path = target(network, form, config.write, overwrite=config.overwrite)
    clips, real = clips_for(network, count, config.store)
    if not real:
        warn("the run's prepared store is not there: compared on random numbers; store=FOLDER says where it is now")
    difference, clips_per_second = export(network, form, path, clips, batch_size)
    kind = "test clips" if real else "random clips"
    print(f"largest difference of a score: {difference:.2g} ({len(clips)} {kind}, against PyTorch on a CPU)")
    speeds = ", ".join(f"{name} {speed:,.1f}" for name, speed in clips_per_second.items())
    print(f"clips a second: {speeds} (1 thread, batches of {batch_size})")
    print(f"written: {path}")
    return difference


if __name__ == "__main__":
    main()
