"""Label the actions in a stream of frames: `python src/live.py run=outputs/... input=CLIP`."""

import torch
from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.cli.messages import chosen_layout, positive_int, warn, warn_unfinished
from stgdn.errors import InputError, choose
from stgdn.inference.live.display import FORMATS, open_display, summary
from stgdn.inference.live.follow import follow
from stgdn.inference.live.frames import open_stream
from stgdn.inference.live.window import SlidingClassifier
from stgdn.inference.load import chosen_device, load_networks


@command("live")
def main(config: DictConfig) -> None:
    """Classify a stream of frames until it ends, and print statistics."""
    form, device = choose(config.format, FORMATS, "format"), chosen_device(config.accelerator)
    if config.threads is not None:
        torch.set_num_threads(positive_int(config, "threads"))
    network = load_networks(config.run, config.checkpoint, config.weights).to(device)
    warn_unfinished(network)
    stream = open_stream(config, network, chosen_layout(config.layout), warn)
    classifier = SlidingClassifier(
        network, fps=config.fps, window=config.window, every=config.every, layout=stream.layout
    )
    wait = stream.may_wait if config.wait is None else config.wait
    with open_display(form) as emit:
        statistics = follow(stream.frames, classifier, emit, wait=wait)
    for sentence in summary(statistics, config.fps, stream.skipped, classifier.window.crowded):
        warn(sentence)
    if not statistics.frames:
        raise InputError("no frame came: a line is a frame, see docs/using.md")


if __name__ == "__main__":
    main()
