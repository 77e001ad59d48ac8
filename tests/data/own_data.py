"""A made-up data set of a person's own: four joints, two classes, files written here."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import Clip
from stgdn.data.readers.custom.custom_reader import CustomReader
from stgdn.data.store.checks import check
from stgdn.data.store.parse import read_checked
from stgdn.skeleton import define

YAML = """\
name: stick
joints: [hip, chest, left_hand, right_hand]
bones: [[left_hand, chest], [right_hand, chest], [chest, hip]]
mirrored: [[left_hand, right_hand]]
units: metres
classes: [wave, bow]
pattern: "{label}_s{subject}_r{replication}"
splits:
  xsub: {subject: [1, 2]}
"""
STICK = define(
    {
        "name": "stick",
        "joints": ["hip", "chest", "left_hand", "right_hand"],
        "bones": [["left_hand", "chest"], ["right_hand", "chest"], ["chest", "hip"]],
        "mirrored": [["left_hand", "right_hand"]],
    }
)
NAME = "wave_s1_r2"


def moving(*shape: int, seed: int = 0) -> NDArray[np.float64]:
    """Joints of a body that moves, of some shape."""
    return np.random.default_rng(seed).uniform(0.2, 1.2, shape).round(4)


def npz(**arrays: object) -> bytes:
    """An `.npz` with these arrays."""
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def csv(joints: NDArray[np.float64], head: str = "", columns: Mapping[str, object] | None = None) -> bytes:
    """A table of joints (T, 4, D), a NaN as an empty cell, after further columns."""
    T, V, D = joints.shape
    axes = ("x", "y", "z")[:D]
    more = columns or {}
    lines = [head or ",".join([*more, *(f"{joint}_{axis}" for joint in STICK.joints for axis in axes)])]
    for frame, pose in enumerate(joints.reshape(T, V * D)):
        told = [str(value[frame] if isinstance(value, list) else value) for value in more.values()]
        lines.append(",".join([*told, *("" if np.isnan(number) else repr(float(number)) for number in pose)]))
    return "\n".join(lines).encode()


def folder(place: Path, files: Mapping[str, bytes], changes: Mapping[str, str] | None = None) -> Path:
    """Write a data set: `YAML` with some keys (`splits` too) replaced, taken away ('') or added, and its files."""
    blocks = {block.split(":")[0]: block for block in YAML.replace("\n  ", "\0  ").splitlines()}
    blocks |= {key: f"{key}: {value}" if value else "" for key, value in (changes or {}).items()}
    place.mkdir(exist_ok=True)
    (place / "dataset.yaml").write_text("\n".join(blocks.values()).replace("\0", "\n"))
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def read_one(place: Path, content: bytes, suffix: str = ".npz", **changes: str) -> Clip:
    """The only clip of a data set that has only this file."""
    reader = CustomReader(folder(place, {f"{NAME}{suffix}": content}, changes))
    survey = reader.survey()
    assert not survey.skipped, survey.skipped
    (file,) = survey.files
    clip = reader.read(file)
    check(clip, reader)
    return clip


def outcome(place: Path, content: bytes, suffix: str = ".npz") -> Any:  # noqa: ANN401
    """The clip of a file, or why it cannot be used, as `prepare` gets it."""
    reader = CustomReader(folder(place, {f"{NAME}{suffix}": content}))
    (file,) = reader.survey().files
    return read_checked(reader, file)
