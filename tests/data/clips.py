"""Made-up clips, a store of them, and a reader that makes them."""

import os
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from stgdn.data.clip import Clip, ClipError, ClipFile, Survey
from stgdn.data.store.store import Header, Store
from stgdn.data.store.writer import StoreWriter
from stgdn.skeleton import KINECT20, NTU25, Layout

HEAVY = {"hydra", "lightning", "matplotlib", "rich", "torch", "wandb"}  # packages that parsing does not need
Run = tuple[int, int]  # first frame, number of frames

# Frames of a clip, and the runs of its bodies: alone, entering late, leaving early, taking turns, one and two frames.
SCENES: tuple[tuple[int, tuple[Run, ...]], ...] = (
    (9, ((0, 9),)),
    (12, ((0, 12), (5, 4))),
    (10, ((0, 6), (4, 6))),
    (11, ((2, 9), (0, 3), (7, 4))),
    (1, ((0, 1),)),
    (2, ((0, 2), (1, 1))),
    (23, ((3, 20), (0, 23), (22, 1))),
)


def clip(name: str, frames: int, runs: Sequence[Run], layout: Layout = NTU25, label: int = 0, **facts: int) -> Clip:
    """A clip of random coordinates, as its name says which; a body is seen in its run and zero elsewhere."""
    rng = np.random.default_rng(list(name.encode()))
    joints = np.zeros((len(runs), frames, layout.num_joints, layout.channels), np.float32)
    present = np.zeros((len(runs), frames), np.bool_)
    for body, (start, length) in enumerate(runs):
        present[body, start : start + length] = True
        joints[body, start : start + length] = rng.normal(1, 1, joints[body, start : start + length].shape)
    return replace(Clip(name, label, joints, present), **facts)


def clips(layout: Layout = NTU25) -> list[Clip]:
    """One clip a scene, not in the order of their names."""
    made = []
    for number, (frames, runs) in enumerate(SCENES):
        facts = {
            "label": number % 3,
            "subject": number,
            "camera": 1 + number % 3,
            "setup": 7,
            "replication": number % 2,
        }
        made.append(clip(f"clip{(5 * number + 3) % len(SCENES)}", frames, runs, layout, **facts))
    return made


def header(layout: Layout = NTU25, max_bodies: int = 3) -> Header:
    return Header("made_up", layout.name, ["walk", "run", "sit"], max_bodies, "nowhere", synthetic=True)


def write(folder: Path, made: Iterable[Clip], layout: Layout = NTU25, max_bodies: int = 3) -> Store:
    writer = StoreWriter(folder, header(layout, max_bodies))
    for one in made:
        writer.add(one)
    return writer.finish()


def content(folder: Path) -> dict[str, bytes]:
    """The bytes of every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@dataclass
class MakingReader:
    """Makes clips up; `faults` says which clips are wrong, and how."""

    count: int = 20
    faults: Mapping[str, str] = field(default_factory=dict)
    unusable: Sequence[tuple[str, str]] = ()
    expected: int | None = None
    layout: Layout = KINECT20
    classes: tuple[str, ...] = ("walk", "run", "sit")
    max_bodies: int = 2

    def survey(self) -> Survey:
        files = [ClipFile(f"clip{number:03}", "") for number in range(self.count)]
        return Survey(files, list(self.unusable), self.expected)

    def read(self, file: ClipFile) -> Clip:
        number = int(file.name.removeprefix("clip"))
        frames, runs = SCENES[number % len(SCENES)]
        made = clip(file.name, frames, runs[:2], label=number % 3, layout=self.layout, subject=number % 5)
        match self.faults.get(file.name):
            case "torn":
                raise ClipError("is torn")
            case "interrupt":
                raise KeyboardInterrupt
            case "control-c":  # as a terminal sends it to every process
                os.kill(os.getpid(), signal.SIGINT)
            case "killed":
                os._exit(9)
            case "joints":
                made.joints = made.joints[:, :, :17]
            case "axes":
                made.joints = made.joints[0]
            case "label":
                made.label = 3
            case "nobody":
                made.present[:] = False
            case "nobody first":
                made.present[0] = False
                made.present[1:] = True
            case "gap":
                made.present[0, 3] = False
            case "nan":
                made.joints[0, -1, 5, 1] = np.nan
            case "infinite":
                made.joints[0, -1, 5, 1] = -np.inf
            case "name":
                made.name = 65 * "x"
        return made


@dataclass
class ModulesReader(MakingReader):
    """Makes clips up, and remarks on each which heavy packages its process has imported."""

    def read(self, file: ClipFile) -> Clip:
        return replace(super().read(file), remark=" ".join(sorted(HEAVY & sys.modules.keys())) or "none")
