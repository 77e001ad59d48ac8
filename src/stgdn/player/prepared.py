"""Scenes of clips in a prepared store, by their names."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from stgdn.data.clip import Clip
from stgdn.data.store.store import PreparedStore
from stgdn.errors import InputError
from stgdn.inference.fused import Recogniser
from stgdn.player.scenes import Scene, scene


def prepared_scenes(
    networks: Mapping[str, Recogniser],
    store: PreparedStore,
    names: Sequence[str],
    done: Callable[[], None] = lambda: None,
) -> list[Scene]:
    """Make scenes of clips of a store.

    Args:
        networks: by name; they have the same classes as the store.
        store: the store of the clips.
        names: of the clips.
        done: called after every scene.

    Raises:
        InputError: a clip that the store does not have, joints that cannot be mapped, or a network that has diverged.
    """
    indices = {str(name): index for index, name in enumerate(store.clips["name"])}
    if absent := [name for name in names if name not in indices]:
        raise InputError(
            f"{store.folder} has no clip {absent[0]}: it has been prepared anew since, or from other files"
        )
    made = []
    for name in names:
        clip = stored_clip(store, indices[name])
        made.append(scene(networks, clip, store.layout, clip.label, synthetic=store.header.synthetic))
        done()
    return made


def changed_predictions(scenes: Sequence[Scene], before: Sequence[tuple[str, ...]]) -> str | None:
    """Return a warning if networks now predict other classes than before; None if not.

    Args:
        scenes: of the clips.
        before: the class that each network predicted for each clip, by its stored scores.
    """
    now = [tuple(scene.classes[reading.top(1)[0]] for reading in scene.readings) for scene in scenes]
    if not (count := sum(a != b for a, b in zip(now, before, strict=True))):
        return None
    return f"{count} of these clips are no longer taken for what scores.npz says: evaluate the run again"


def stored_clip(store: PreparedStore, index: int) -> Clip:
    """Return a clip of a store with the bodies that are seen in it."""
    record, joints = store.clips[index], store.joints(index)
    frames = np.arange(joints.shape[1])
    start, end = record["start"][:, None], (record["start"] + record["frames"])[:, None]
    present = (frames >= start) & (frames < end)
    seen = present.any(axis=1)
    return Clip(str(record["name"]), int(record["label"]), joints[seen], present[seen])
