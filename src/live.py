"""What people do, while they do it: `python src/live.py run=outputs/... input=CLIP`."""

import torch
from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.cli.messages import chosen_layout, counted, note, tell_networks
from stgdn.errors import InputError, choose
from stgdn.inference.accelerator import chosen_device
from stgdn.inference.fused import load_all
from stgdn.inference.live.decide import SlidingRecogniser, follow
from stgdn.inference.live.display import FORMATS, shown, summary
from stgdn.inference.live.source import open_stream


@command("live")
def main(config: DictConfig) -> None:
    """Follow a stream of frames to its end, and tell how it went."""
    form, device = choose(config.format, FORMATS, "format"), chosen_device(config.accelerator)
    if config.threads is not None:
        torch.set_num_threads(counted(config, "threads"))
    network = load_all(config.run, config.checkpoint, config.weights).to(device)
    tell_networks(network)
    stream = open_stream(config, network, chosen_layout(config.layout), note)
    recogniser = SlidingRecogniser(
        network, fps=config.fps, window=config.window, every=config.every, layout=stream.layout
    )
    wait = stream.unhurried if config.wait is None else config.wait
    with shown(form) as emit:
        course = follow(stream.frames, recogniser, emit, wait=wait)
    for sentence in summary(course, config.fps, stream.skipped, recogniser.window.aside):
        note(sentence)
    if not course.frames:
        raise InputError("no frame came: a line is a frame, see docs/using.md")


if __name__ == "__main__":
    main()
