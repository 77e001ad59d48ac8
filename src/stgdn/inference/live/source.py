"""The input stream that a config names: clips that are replayed, standard input, or a socket."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from omegaconf import DictConfig

from stgdn.data.clip import Clip, ClipError
from stgdn.data.readers.find_clips import FoundClips, find_clips, read_clip
from stgdn.errors import InputError, choose
from stgdn.inference.fused import Recogniser
from stgdn.inference.live.frames import JsonFrames, listen, replay, standard_input
from stgdn.inference.live.window import People
from stgdn.inference.predict import expected_of
from stgdn.skeleton import Layout

PACES = ("real", "fast")


@dataclass(frozen=True)
class Stream:
    """Hold a stream of frames.

    Attributes:
        frames: the people of each frame.
        layout: of the joints.
        skipped: number of invalid lines by kind of mistake, updated while the stream is read.
        may_wait: whether frames may wait for decisions.
    """

    frames: Iterable[People]
    layout: Layout
    skipped: Counter[str]
    may_wait: bool


def open_stream(config: DictConfig, network: Recogniser, layout: Layout | None, warn: Callable[[str], None]) -> Stream:
    """Open the stream of `config.input` or `config.listen`.

    Args:
        config: of `conf/live.yaml`.
        network: the network that will classify the stream.
        layout: joints of the input if it does not name them; None for those of the run's data.
        warn: called with each message for the user, one sentence.

    Raises:
        InputError: neither or both are given, no clip, clips of several layouts, or a port in use.
    """
    if (config.input is None) == (config.listen is None):
        raise InputError("say either input=FILE, input=- for standard input, or listen=127.0.0.1:PORT")
    joints, pace = layout or network.layout, choose(config.pace, PACES, "pace")
    if config.listen is not None or config.input == "-":
        if config.listen is None:
            blocks = standard_input()
        else:
            blocks = listen(config.listen, lambda address: warn(f"listening at {address}"))
        frames = JsonFrames(blocks, joints)
        return Stream(frames, joints, frames.skipped, may_wait=False)
    found = find_clips(config.input, config.reader, expected_of(network, layout))
    layouts = list(dict.fromkeys(source.reader.layout for source in found.sources))
    if len(layouts) != 1:
        raise InputError(f"{config.input} has clips of {len(layouts)} joint layouts: a stream is of one")
    fps = config.fps if pace == "real" else None
    return Stream(replay(_readable(found, config.scale, warn), fps), layouts[0], Counter(), may_wait=fps is None)


def _readable(found: FoundClips, scale: float, warn: Callable[[str], None]) -> Iterator[Clip]:
    """Yield the clips that can be used; call `warn` for the others.

    Raises:
        InputError: there are none.
    """
    some = False
    for name, reason in found.left_out:
        warn(f"left out: {name}: {reason}")
    for source, file in found.files():
        try:
            clip = read_clip(source, file, scale)
        except ClipError as error:
            warn(f"left out: {file.name}: {error}")
        else:
            some = True
            yield clip
    if not some:
        raise InputError("no clip can be used, see above")
