"""Scenes of raw clips, as `src/predict.py` finds them."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from stgdn.data.clip import Clip, ClipError, ClipFile
from stgdn.data.readers.custom import CustomReader
from stgdn.data.readers.detect import Source
from stgdn.data.readers.find_clips import FoundClips, match_label, read_clip
from stgdn.data.synthetic.demo_set import MANIFEST
from stgdn.inference.fused import Recogniser
from stgdn.inference.trained import TrainedNetwork
from stgdn.player.scenes import Scene, scene


def raw_scenes(
    network: Recogniser, found: FoundClips, *, most: int, scale: float = 1.0, done: Callable[[], None] = lambda: None
) -> list[Scene]:
    """Make scenes of the first clips that can be used.

    Args:
        network: one, or several fused.
        found: the clips.
        most: largest number of scenes.
        scale: factor from the clips' unit to metres.
        done: called after every scene.

    Raises:
        InputError: joints that cannot be mapped to the network's; the network has diverged.
    """
    made = []
    for source, file, clip in islice(_usable(found, scale), most):
        label = match_label(clip.label, source.reader.classes, network.classes)
        networks = {title(network): network}
        made.append(scene(networks, clip, source.reader.layout, label, synthetic=is_synthetic(source, file)))
        done()
    return made


def title(network: Recogniser) -> str:
    """Return the network's name and stream, such as `st_gdn, joint`."""
    members = [network] if isinstance(network, TrainedNetwork) else network.members
    return f"{'+'.join(dict.fromkeys(member.name for member in members))}, {network.stream}"


def is_synthetic(source: Source, file: ClipFile) -> bool:
    """Return whether a file is marked as synthetic: by the demo's list beside it, or by `dataset.yaml`."""
    described = isinstance(source.reader, CustomReader) and source.reader.dataset.synthetic
    return described or Path(file.path).with_name(MANIFEST).exists()


def _usable(found: FoundClips, scale: float) -> Iterator[tuple[Source, ClipFile, Clip]]:
    """Yield clips that can be read; `predict` has reported the others."""
    for source, file in found.files():
        try:
            yield source, file, read_clip(source, file, scale)
        except ClipError:
            continue
