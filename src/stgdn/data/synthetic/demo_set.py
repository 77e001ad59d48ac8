"""Write the synthetic demo set of synthetic people as raw NTU RGB+D files (`SsssCcccPpppRrrrAaaa.skeleton`).

Three cameras see the same performance (`people`), each with the noise, occlusions and errors of its own sensor.

Glossary of shapes: M people, T frames at 30 a second, 25 joints of the layout ntu25. World: as in `people`. Camera:
metres, y up, z away from the camera, x to its left.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.synthetic.actions import CHOREOGRAPHY
from stgdn.data.synthetic.people import FPS, Array, Purpose, perform, rotation, setup_of
from stgdn.errors import InputError
from stgdn.files import replacing_folder

VERSION = 1
DEMO_ACTIONS: tuple[int, ...] = tuple(CHOREOGRAPHY)
# Of NTU's cross-subject training list: all but 3, 6, 7 and 10.
DEMO_SUBJECTS: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14)
CAMERAS = (1, 2, 3)
CAMERA_YAW = {1: 0.0, 2: 45.0, 3: -45.0}  # degrees; NTU's camera 1 stands between the other two
MANIFEST = "synthetic.json"

_LIMBS = ((6, 7, 21, 22), (10, 11, 23, 24), (5, 6, 7, 21, 22), (9, 10, 11, 23, 24), (14, 15), (18, 19))
_NOISE = np.full((25, 1), 0.01)  # metres at 3 m
_NOISE[[6, 7, 10, 11, 14, 15, 18, 19]] = 0.02
_NOISE[[21, 22, 23, 24]] = 0.035


def view(world: Array, setup: int, camera: int, seed: int = 1) -> Array:
    """Transform world joints (..., 3) to the coordinates of a camera of a setup."""
    shared = np.random.default_rng([seed, Purpose.SETUP, setup])
    own = np.random.default_rng([seed, Purpose.CAMERA, setup, camera])
    height, distance = shared.uniform(0.9, 1.6), shared.uniform(3.1, 3.7)
    yaw = np.radians(CAMERA_YAW[camera] + own.normal(0, 4))
    pitch = np.degrees(np.arctan2(height - 0.9, distance)) + own.normal(0, 1.5)
    position = np.array([distance * np.sin(yaw), height, distance * np.cos(yaw)])
    axes = rotation(np.array([pitch, 180 + np.degrees(yaw), own.normal(0, 1.5)]))
    return (world - position) @ axes


@dataclass
class _Body:
    """Hold a tracked body: joints (T, 25, 3), tracking states (T, 25), id and presence of every frame (T,)."""

    joints: Array
    states: Array
    ids: NDArray[np.int64]
    present: NDArray[np.bool_]

    @classmethod
    def found(cls, joints: Array, rng: np.random.Generator) -> "_Body":
        ids = np.full(len(joints), 72057594037900000 + rng.integers(100000))
        return cls(joints, np.full(joints.shape[:2], 2.0), ids, np.ones(len(joints), dtype=bool))


def _run(frames: int, shortest: int, longest: int, rng: np.random.Generator) -> slice:
    start = int(rng.integers(frames))
    return slice(start, start + int(rng.integers(shortest, longest + 1)))


def _record(clean: Array, rng: np.random.Generator) -> list[_Body]:
    """Simulate a depth sensor on camera joints (M, T, 25, 3): noise, guesses, lost frames, spurious bodies."""
    frames = clean.shape[1]
    bodies = [_track(person, rng) for person in clean]
    if rng.random() < 0.12:
        bodies.append(_spurious(clean[0], rng))
    if rng.random() < 0.12:
        blackout = _run(frames, 1, 3, rng)
        for body in bodies:
            body.present[blackout] = False
    return bodies


def _track(clean: Array, rng: np.random.Generator) -> _Body:
    frames = len(clean)
    body = _Body.found(clean + rng.normal(size=clean.shape) * _NOISE * clean[..., 2:] / 3, rng)
    for _ in range(rng.poisson(2 * frames / FPS)):
        _occlude(body, _run(frames, 3, 20, rng), rng)
    if rng.random() < 0.1:
        body.ids[rng.integers(frames) :] += rng.integers(1, 300)
    if rng.random() < 0.1:
        body.present[_run(frames, 1, 4, rng)] = False
    return body


def _occlude(body: _Body, when: slice, rng: np.random.Generator) -> None:
    """Hide a limb for some frames: mostly inferred at a wrong place, sometimes given up and left at its root."""
    limb = np.array(_LIMBS[rng.integers(len(_LIMBS))])
    joints, states = body.joints[when], body.states[when]
    if rng.random() < 0.15:
        joints[:, limb] = joints[:, limb[:1]] + rng.normal(0, 0.01, (len(joints), len(limb), 3))
        states[:, limb[1:]] = 0
        return
    bump = np.sin(np.pi * (np.arange(len(joints)) + 0.5) / len(joints))
    joints[:, limb] += bump[:, None, None] * rng.normal(0, 0.11, 3) + rng.normal(0, 0.02, (len(joints), len(limb), 3))
    states[:, limb] = 1


def _spurious(person: Array, rng: np.random.Generator) -> _Body:
    """Return a chair taken for a body (wider than high, still) or a reflection (the person, farther, flickering)."""
    frames = len(person)
    if rng.random() < 0.6:
        chair = rng.uniform(-0.5, 0.5, (25, 3)) * (0.9, 0.6, 0.4) + person[0, 0] + (rng.choice((-0.9, 0.9)), -0.5, 0.3)
        body = _Body.found(chair + rng.normal(0, 0.006, person.shape), rng)
        seen = _run(frames, 8, frames, rng)
    else:
        body = _Body.found(person * (-1, 1, 1.3) + rng.normal(0, 0.05, person.shape), rng)
        seen = _run(frames, 2, 9, rng)
    body.states[:] = 1
    body.present[:] = False
    body.present[seen] = True
    return body


_JOINT = "%.4f %.4f %.4f %.0f %.0f %.0f %.0f 1 0 0 0 %d\n"
_BODY = "%d 0 1 1 1 1 0 %.4f %.4f 2\n25\n" + 25 * _JOINT


def _raw_text(bodies: Sequence[_Body], order: Array) -> str:
    """Return the text of a `.skeleton` file; `order` (T,) is the order of bodies in a frame, 1 or -1."""
    numbers = [_numbers(body) for body in bodies]
    template, values = [f"{len(order)}\n"], []
    for frame, direction in enumerate(order):
        listed = [m for m, body in enumerate(bodies) if body.present[frame]][:: int(direction)]
        template.append(f"{len(listed)}\n" + len(listed) * _BODY)
        for m in listed:
            values.append(int(bodies[m].ids[frame]))
            values.extend(numbers[m][frame])
    return "".join(template) % tuple(values)


def _numbers(body: _Body) -> list[list[float]]:
    """Return lean and every joint's position, depth and colour pixels (focal lengths of Kinect) and state: (T, 202)."""
    x, y, z = np.moveaxis(body.joints, -1, 0)
    pixels = (256 + 366 * x / z, 208 - 366 * y / z, 960 + 1060 * x / z, 540 - 1060 * y / z)
    joints = np.stack((x, y, z, *pixels, body.states), -1).reshape(len(x), -1)
    lean = (body.joints[:, 20] - body.joints[:, 0])[:, (0, 2)].clip(-1, 1)
    return np.concatenate((lean, joints), 1).tolist()


def _clips(actions: Sequence[int], subjects: Sequence[int], replications: int, seed: int) -> Iterator[tuple[str, str]]:
    """Yield name and text of every clip of the set."""
    for subject, replication, action in product(subjects, range(1, replications + 1), actions):
        world, setup = perform(action, subject, replication, seed), setup_of(subject)
        for camera in CAMERAS:
            rng = np.random.default_rng([seed, Purpose.SENSOR, setup, camera, subject, replication, action])
            bodies = _record(view(world, setup, camera, seed), rng)
            order = np.ones(world.shape[1])
            if rng.random() < 0.2:
                order[_run(len(order), 1, len(order), rng)] = -1
            yield f"S{setup:03}C{camera:03}P{subject:03}R{replication:03}A{action:03}", _raw_text(bodies, order)


def write_demo(
    folder: Path,
    seed: int = 1,
    subjects: Sequence[int] = DEMO_SUBJECTS,
    replications: int = 2,
    actions: Sequence[int] = DEMO_ACTIONS,
) -> int:
    """Write the synthetic set into `folder` (one performance seen by three cameras is three clips); return its size.

    The folder appears only when it is complete; one that already holds this very set is left alone.

    Raises:
        InputError: the folder cannot be written.
    """
    total = _count(actions, subjects, replications)
    manifest = {
        **{"what": "synthetic: these people do not exist", "version": VERSION, "seed": seed},
        **{"subjects": [*map(int, subjects)], "replications": replications, "actions": [*map(int, actions)]},
        **{"cameras": list(CAMERAS), "clips": total},
    }
    try:
        if _finished(folder, manifest):
            return total
        with replacing_folder(folder) as unfinished:
            for name, text in _clips(actions, subjects, replications, seed):
                (unfinished / f"{name}.skeleton").write_bytes(text.encode("ascii"))
            (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the synthetic set to '{folder}': {error.strerror or error}") from error
    return total


def _count(actions: Sequence[int], subjects: Sequence[int], replications: int) -> int:
    """Return the number of clips of a set.

    Raises:
        InputError: an action without choreography, nothing to write, or the same clip twice.
    """
    unknown = sorted(set(actions) - set(CHOREOGRAPHY))
    if unknown:
        known = ", ".join(map(str, DEMO_ACTIONS))
        raise InputError(f"no synthetic choreography for action {unknown[0]}, there are: {known}")
    total = len(set(subjects)) * replications * len(set(actions)) * len(CAMERAS)
    if total < 1 or len(set(subjects)) < len(subjects) or len(set(actions)) < len(actions):
        raise InputError("a synthetic set takes one or more different subjects and actions, and 1 or more replications")
    return total


def _finished(folder: Path, manifest: dict[str, object]) -> bool:
    """Return whether the folder holds the set that the manifest describes; False if it is missing or empty.

    Raises:
        InputError: the folder holds something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    path = folder / MANIFEST
    clips = len(list(folder.glob("*.skeleton"))) if folder.is_dir() else 0
    try:
        if json.loads(path.read_text(encoding="utf-8")) == manifest and clips == manifest["clips"]:
            return True
    except (OSError, ValueError):
        pass
    raise InputError(f"'{folder}' has other content than this synthetic set; delete it or name another folder")
