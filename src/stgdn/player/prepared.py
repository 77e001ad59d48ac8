"""Scenes of clips in a prepared store, by their names."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from stgdn.data.clip import Clip
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.inference.fused import Recogniser
from stgdn.player.scenes import Scene, scene


def prepared_scenes(
    networks: Mapping[str, Recogniser], store: Store, names: Sequence[str], done: Callable[[], None] = lambda: None
) -> list[Scene]:
    """Scenes of clips of a store.

    Args:
        networks: by what to call them; they know the same classes as the store.
        store: where the clips lie.
        names: which clips.
        done: told after every scene.

    Raises:
        InputError: a clip that the store does not have, joints that cannot be mapped, or a network that has diverged.
    """
    places = {str(name): index for index, name in enumerate(store.clips["name"])}
    if absent := [name for name in names if name not in places]:
        raise InputError(
            f"{store.folder} has no clip {absent[0]}: it has been prepared anew since, or from other files"
        )
    made = []
    for name in names:
        clip = stored_clip(store, places[name])
        made.append(scene(networks, clip, store.layout, clip.label, synthetic=store.header.synthetic))
        done()
    return made


def changed(scenes: Sequence[Scene], said: Sequence[tuple[str, ...]]) -> str | None:
    """A sentence if networks now take clips for something else than was said.

    Args:
        scenes: of the clips.
        said: the class that each network took each clip for, by the scores that it left.
    """
    now = [tuple(scene.classes[reading.top(1)[0]] for reading in scene.readings) for scene in scenes]
    if not (count := sum(a != b for a, b in zip(now, said, strict=True))):
        return None
    return f"{count} of these clips are no longer taken for what scores.npz says: evaluate the run again"


def stored_clip(store: Store, index: int) -> Clip:
    """A clip of a store with the bodies that are seen in it."""
    record, joints = store.clips[index], store.joints(index)
    frames = np.arange(joints.shape[1])
    start, end = record["start"][:, None], (record["start"] + record["frames"])[:, None]
    present = (frames >= start) & (frames < end)
    there = present.any(axis=1)
    return Clip(str(record["name"]), int(record["label"]), joints[there], present[there])
