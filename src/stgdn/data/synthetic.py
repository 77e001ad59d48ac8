"""The synthetic demo set: people who do not exist, written as raw NTU RGB+D files (`SsssCcccPpppRrrrAaaa.skeleton`).

A performance is a choreography (`actions`) done by a person of some build and manner; three cameras see the same one,
each with the noise, occlusions and blemishes of its own sensor.

Glossary of shapes: M people, T frames at 30 a second, 25 joints of the layout ntu25. World: metres, y up, floor at
y = 0, camera 1 on the +z side. Camera: metres, y up, z away from the camera, x to its left.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.actions import CHOREOGRAPHY, Pose, mirrored, pose
from stgdn.errors import InputError

Array = NDArray[np.float64]

VERSION = 1
FPS = 30
DEMO_ACTIONS: tuple[int, ...] = tuple(CHOREOGRAPHY)
# Of NTU's cross-subject training list: all but 3, 6, 7 and 10.
DEMO_SUBJECTS: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14)
CAMERAS = (1, 2, 3)
CAMERA_YAW = {1: 0.0, 2: 45.0, 3: -45.0}  # degrees; NTU's camera 1 stands between the other two
MANIFEST = "synthetic.json"

# What a stream of random numbers is for; the first words of its key after the seed.
_PERSON, _PERFORMANCE, _SETUP, _CAMERA, _SENSOR = range(5)
_PARTNER = 1000  # added to a subject's number: who stands opposite

_ARMS = {"left": (4, 5, 6, 7, 21, 22), "right": (8, 9, 10, 11, 23, 24)}
_LEGS = {"left": (12, 13, 14, 15), "right": (16, 17, 18, 19)}
_LIMBS = ((6, 7, 21, 22), (10, 11, 23, 24), (5, 6, 7, 21, 22), (9, 10, 11, 23, 24), (14, 15), (18, 19))
_NOISE = np.full((25, 1), 0.01)  # metres at 3 m
_NOISE[[6, 7, 10, 11, 14, 15, 18, 19]] = 0.02
_NOISE[[21, 22, 23, 24]] = 0.035
# Standard deviation of what people do besides the action, in the units of the tracks (see `actions`).
_STRAY = {
    **dict.fromkeys(("left_hand", "right_hand"), (0.4, 0.4, 0.4)),
    **{"trunk": (6.0, 8.0, 4.0), "head": (12.0, 20.0, 8.0), "heading": (0.0, 40.0, 0.0), "place": (0.06, 0.0, 0.06)},
}


@dataclass(frozen=True)
class Person:
    """Build in metres and manner of somebody who does not exist.

    Attributes:
        spine: spine base to mid, to shoulders, to neck, to head.
        tempo, amplitude: factors on the choreography, near 1.
        sway: factor on idle movement.
        hunch: degrees the trunk leans forward at rest.
        stance: arm and leg lengths by which hands hang and feet stand outwards.
    """

    thigh: float
    shank: float
    foot: float
    hip: float
    spine: tuple[float, float, float, float]
    shoulder: float
    upper_arm: float
    forearm: float
    hand: float
    left_handed: bool
    tempo: float
    amplitude: float
    sway: float
    hunch: float
    stance: float

    @classmethod
    def draw(cls, seed: int, number: int) -> "Person":
        """Make up person `number` of the set."""
        rng = np.random.default_rng([seed, _PERSON, number])
        height = rng.uniform(1.5, 1.92)
        legs, trunk, arms, width = height * rng.normal(1, 0.04, 4)
        return cls(
            **{"thigh": 0.24 * legs, "shank": 0.235 * legs, "foot": 0.075 * legs, "hip": 0.045 * width},
            spine=(0.165 * trunk, 0.135 * trunk, 0.04 * trunk, 0.08 * trunk),
            **{"shoulder": 0.1 * width, "upper_arm": 0.16 * arms, "forearm": 0.145 * arms, "hand": 0.045 * arms},
            left_handed=bool(rng.random() < 0.25),
            tempo=rng.uniform(0.8, 1.25),
            amplitude=rng.uniform(0.65, 1.15),
            sway=rng.uniform(0.5, 1.8),
            hunch=rng.uniform(-2, 9),
            stance=rng.uniform(0, 0.07),
        )


def _rotation(degrees: Array) -> Array:
    """Matrices (..., 3, 3) that bend forward, turn left and lean right by angles (..., 3); the lean comes first."""
    angles = np.moveaxis(np.radians(degrees), -1, 0)
    (bend, turn, lean), (sin_bend, sin_turn, sin_lean) = np.cos(angles), np.sin(angles)
    one, zero = np.ones_like(bend), np.zeros_like(bend)

    def matrix(*rows: Array) -> Array:
        return np.stack(rows, -1).reshape(*bend.shape, 3, 3)

    return (
        matrix(turn, zero, sin_turn, zero, one, zero, -sin_turn, zero, turn)
        @ matrix(one, zero, zero, zero, bend, -sin_bend, zero, sin_bend, bend)
        @ matrix(lean, sin_lean, zero, -sin_lean, lean, zero, zero, zero, one)
    )


def _turn(matrices: Array, vectors: Array | Sequence[float]) -> Array:
    return np.einsum("tij,tj->ti", matrices, np.broadcast_to(np.asarray(vectors), (len(matrices), 3)))


def _unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _two_bones(root: Array, target: Array, upper: float, lower: float, pole: Array) -> tuple[Array, Array]:
    """Elbow and wrist (or knee and ankle), (T, 3) each, between `root` and the nearest to `target` it can reach."""
    reach = target - root
    along = _unit(reach)
    distance = np.linalg.norm(reach, axis=-1, keepdims=True).clip(abs(upper - lower) + 0.05, 0.998 * (upper + lower))
    forward = (upper**2 - lower**2 + distance**2) / (2 * distance)
    across = _unit(pole - np.sum(pole * along, -1, keepdims=True) * along)
    return root + forward * along + np.sqrt(upper**2 - forward**2) * across, root + distance * along


def _arm(shoulder: Array, heading: Array, hand: Array, side: int, person: Person) -> Array:
    """Shoulder, elbow, wrist, hand, tip and thumb, (T, 6, 3); `side` is 1 on the left, -1 on the right."""
    target = shoulder + _turn(heading, hand * (side, 1, 1)) * (person.upper_arm + person.forearm)
    pole = _turn(heading, (0.45 * side, -0.8, -0.4))
    elbow, wrist = _two_bones(shoulder, target, person.upper_arm, person.forearm, pole)
    along = _unit(wrist - elbow)
    inward = _turn(heading, (-side, 0.2, 0.5))
    thumb = 0.6 * along + 0.6 * _unit(inward - np.sum(inward * along, -1, keepdims=True) * along)
    return np.stack([shoulder, elbow, wrist, *(wrist + person.hand * way for way in (along, 2 * along, thumb))], 1)


def _leg(hip: Array, heading: Array, ankle: Array, side: int, person: Person) -> Array:
    """Hip, knee, ankle and foot, (T, 4, 3)."""
    knee, ankle = _two_bones(hip, ankle, person.thigh, person.shank, _turn(heading, (0.15 * side, 0.5, 1)))
    return np.stack([hip, knee, ankle, ankle + person.foot * _turn(heading, (0.2 * side, -0.35, 0.92))], 1)


def skeleton(acted: Pose, person: Person) -> Array:
    """Joints (T, 25, 3) of a pose, in metres; the person first stands at the origin and heads for +z."""
    leg, ankle_height = person.thigh + person.shank, 0.55 * person.foot
    heading, trunk = _rotation(acted["heading"]), acted["trunk"]
    lower, chest = heading @ _rotation(0.4 * trunk), heading @ _rotation(trunk)
    joints = np.empty((len(trunk), 25, 3))
    place = leg * acted["place"]
    hips = place + _turn(heading, leg * acted["pelvis"]) + (0, ankle_height + 0.985 * leg, 0)
    joints[:, 0] = hips + _turn(lower, (0, 0.4 * person.hip, 0))
    joints[:, 1] = joints[:, 0] + _turn(lower, (0, person.spine[0], 0))
    joints[:, 20] = joints[:, 1] + _turn(chest, (0, person.spine[1], 0))
    joints[:, 2] = joints[:, 20] + _turn(chest, (0, person.spine[2], 0))
    joints[:, 3] = joints[:, 2] + _turn(chest @ _rotation(acted["head"]), (0, person.spine[3], 0.02))
    for side, name in ((1, "left"), (-1, "right")):
        shoulder = joints[:, 20] + _turn(chest, (side * person.shoulder, -0.2 * person.shoulder, 0))
        joints[:, _ARMS[name]] = _arm(shoulder, heading, acted[f"{name}_hand"], side, person)
        step = leg * acted[f"{name}_foot"] * (side, 1, 1) + (side * person.hip, 0, 0)
        ankle = place + _turn(heading, step.clip((-np.inf, 0, -np.inf))) + (0, ankle_height, 0)
        hip = hips + _turn(lower, (side * person.hip, 0, 0))
        joints[:, _LEGS[name]] = _leg(hip, heading, ankle, side, person)
    return joints


def setup_of(subject: int) -> int:
    """The setup in which a subject is filmed; no demo clip bears the name of one missing from NTU RGB+D."""
    return 2 + subject % 4


def perform(action: int, subject: int, replication: int = 1, seed: int = 1) -> Array:
    """World joints (M, T, 25, 3) of a performance, before any camera and free of noise."""
    rng = np.random.default_rng([seed, _PERFORMANCE, setup_of(subject), subject, replication, action])
    choreography = CHOREOGRAPHY[action]
    people = [Person.draw(seed, subject), Person.draw(seed, subject + _PARTNER)]
    pace = people[0].tempo * rng.uniform(0.85, 1.15)
    duration = int(np.clip(FPS * choreography.seconds / pace, 36, 84))
    # At times the recording starts late or ends early.
    before, after = np.where(rng.random(2) < 0.15, -0.2 * duration, rng.integers(3, 25, 2)).astype(int)
    # The actor faces the one side camera, then the other; two people stand across that direction.
    facing = (45 if replication % 2 else -45) + rng.uniform(-75, 75)
    if len(choreography.roles) == 2:
        facing += rng.choice((-90, 90))
    centre = rng.normal(0, 0.15, 3) * (1, 0, 1)
    world = []
    for place in rng.permutation(len(choreography.roles)):
        frames = np.arange(before + duration + after) - before - rng.integers(-2, 3)
        acted = _act(action, place, frames / duration, people[place], rng)
        joints = skeleton(acted, people[place]) - (0, 0, choreography.distance / 2)
        world.append(joints @ _rotation(np.array([0, facing + 180 * place, 0])).T + centre)
    return np.stack(world)


def _act(action: int, place: int, time: Array, person: Person, rng: np.random.Generator) -> Pose:
    """One person's pose over time in one performance, in the person's own manner."""
    choreography = CHOREOGRAPHY[action]
    warped = np.clip(time, 0, 1) ** rng.uniform(0.8, 1.25)
    amplitude = person.amplitude * rng.uniform(0.85, 1.15)
    acted = pose(choreography.roles[place], warped, rng, rng.uniform(0.8, 1.25), amplitude)
    for name, size in _STRAY.items():
        busy = "hand" in name and name in choreography.roles[place].tracks
        if rng.random() < 0.5 and not busy:
            acted[name] = acted[name] + _bump(len(time), rng) * rng.normal(0, size, 3)
    if rng.random() < choreography.both_hands:
        acted["left_hand"] = acted["right_hand"] + rng.normal(0, 0.04, 3)
    if choreography.handed and person.left_handed != (rng.random() < 0.1):
        acted = mirrored(acted)
    for name, size in (("trunk", 2.0), ("head", 4.0), ("left_hand", 0.03), ("right_hand", 0.03), ("pelvis", 0.01)):
        acted[name] = acted[name] + size * person.sway * _drift(len(time), rng)
    acted["trunk"] = acted["trunk"] + (person.hunch, 0, 0)
    for name in ("left_hand", "right_hand", "left_foot", "right_foot"):
        acted[name] = acted[name] + (person.stance, 0, 0)
    return acted


def _drift(frames: int, rng: np.random.Generator) -> Array:
    """Slow idle movement (T, 3) with amplitude near 1: two sines of 0.1 to 0.7 Hz an axis."""
    hertz, phase = rng.uniform(0.1, 0.7, (2, 1, 3)), rng.uniform(0, 1, (2, 1, 3))
    return np.sin(2 * np.pi * (hertz * np.arange(frames)[:, None] / FPS + phase)).sum(0) / 2


def _bump(frames: int, rng: np.random.Generator) -> Array:
    """A passing movement (T, 1): from 0 to 1 and back within a third to all of the clip."""
    middle, width = rng.uniform(0, 1), rng.uniform(0.15, 0.5)
    u = ((np.linspace(0, 1, frames)[:, None] - middle) / width).clip(-1, 1)
    return (1 + np.cos(np.pi * u)) / 2


def view(world: Array, setup: int, camera: int, seed: int = 1) -> Array:
    """World joints (..., 3) in the coordinates of a camera of a setup: one rigid transform."""
    shared = np.random.default_rng([seed, _SETUP, setup])
    own = np.random.default_rng([seed, _CAMERA, setup, camera])
    height, distance = shared.uniform(0.9, 1.6), shared.uniform(3.1, 3.7)
    yaw = np.radians(CAMERA_YAW[camera] + own.normal(0, 4))
    pitch = np.degrees(np.arctan2(height - 0.9, distance)) + own.normal(0, 1.5)
    position = np.array([distance * np.sin(yaw), height, distance * np.cos(yaw)])
    axes = _rotation(np.array([pitch, 180 + np.degrees(yaw), own.normal(0, 1.5)]))
    return (world - position) @ axes


@dataclass
class _Body:
    """One tracked body of a clip: joints (T, 25, 3), tracking states (T, 25), id and presence of every frame (T,)."""

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
    """What a depth sensor makes of camera joints (M, T, 25, 3): noise, guesses, lost frames, spurious bodies."""
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
    """A chair taken for a body: wider than high, still; or a reflection: the person, further away, flickering."""
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
    """The text of a `.skeleton` file; `order` (T,) is 1 or -1, in which order a frame lists its bodies."""
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
    """Lean and, of every joint, place, depth and colour pixels (with Kinect v2's focal lengths) and state: (T, 202)."""
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
            rng = np.random.default_rng([seed, _SENSOR, setup, camera, subject, replication, action])
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
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write the synthetic set into `folder` (one performance seen by three cameras is three clips); return its size.

    The folder appears only when it is complete; one that already holds this very set is left alone. `progress` is
    told (clips written, clips in all).

    Raises:
        InputError: no or unknown actions, no subjects, a folder with other content or one that cannot be written.
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
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            unfinished = Path(scratch) / folder.name
            unfinished.mkdir()
            for done, (name, text) in enumerate(_clips(actions, subjects, replications, seed), start=1):
                (unfinished / f"{name}.skeleton").write_bytes(text.encode("ascii"))
                if progress is not None:
                    progress(done, total)
            (unfinished / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
            unfinished.replace(folder)
    except OSError as error:
        raise InputError(f"cannot write the synthetic set to '{folder}': {error.strerror or error}") from error
    return total


def _count(actions: Sequence[int], subjects: Sequence[int], replications: int) -> int:
    """How many clips a set has.

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
    """Whether the folder holds the set that the manifest describes; False if there is none or it is empty.

    Raises:
        InputError: it holds something else.
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
