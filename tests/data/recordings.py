"""Raw NTU RGB+D files, written here, and read line by line for comparison."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Body = tuple[str, NDArray[np.float64]]  # id, joints (25, 3)
Frame = list[Body]

ID, NEXT_ID = "72057594037931101", "72057594037931102"  # one number as float64
JOINT_LINE = "{:.7g} {:.7g} {:.7g} 277.4 191.8 1036.2 519.1 -0.2 0.05 0.96 -0.12 2"


def raw(frames: Sequence[Frame], newline: str = "\r\n") -> bytes:
    """Write a file as Kinect's recorder does."""
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for body, joints in bodies:
            lines += [f"{body} 0 1 1 0 0 0 0.1 -0.2 2", str(len(joints))]
            lines += [JOINT_LINE.format(*joint) for joint in joints]
    return (newline.join(lines) + newline).encode()


def literal(text: bytes) -> list[Frame]:
    """Read a file line by line, as the format's description says."""
    lines = iter(text.decode().splitlines())
    frames: list[Frame] = []
    for _ in range(int(next(lines))):
        bodies: Frame = []
        for _ in range(int(next(lines))):
            body = next(lines).split()[0]
            joints = [[float(value) for value in next(lines).split()[:3]] for _ in range(int(next(lines)))]
            bodies.append((body, np.array(joints)))
        frames.append(bodies)
    return frames


def walkers(ids: Sequence[Sequence[str]], seed: int = 0) -> list[Frame]:
    """Frames in which the bodies `ids[t]` are seen; every body stands at a place of its own."""
    rng = np.random.default_rng(seed)
    every = sorted({body for frame in ids for body in frame})
    figure = np.stack([0.2 * rng.normal(size=25), np.linspace(-0.8, 0.9, 25), 3 + 0.1 * rng.normal(size=25)], axis=-1)
    shift = {body: np.array([1.5 * index, 0, 0]) for index, body in enumerate(every)}
    return [[(body, figure + shift[body] + 0.1 * rng.normal(size=(1, 3))) for body in frame] for frame in ids]
