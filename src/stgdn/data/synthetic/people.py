"""Synthetic people: body size, style of movement, and the kinematics that converts a choreography to joints.

A performance is a choreography (`actions`) done by synthetic people, without noise and in world coordinates.

Glossary of shapes: M people, T frames at 30 a second, 25 joints of the layout ntu25. World: metres, y up, floor at
y = 0, camera 1 on the +z side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from stgdn.data.synthetic.actions import CHOREOGRAPHY, Pose, mirrored, pose

Array = NDArray[np.float64]

FPS = 30

_PARTNER = 1000  # added to a subject's number: the second person

_ARMS = {"left": (4, 5, 6, 7, 21, 22), "right": (8, 9, 10, 11, 23, 24)}
_LEGS = {"left": (12, 13, 14, 15), "right": (16, 17, 18, 19)}
# Standard deviation of what people do besides the action, in the units of the tracks (see `actions`).
_STRAY = {
    **dict.fromkeys(("left_hand", "right_hand"), (0.4, 0.4, 0.4)),
    **{"trunk": (6.0, 8.0, 4.0), "head": (12.0, 20.0, 8.0), "heading": (0.0, 40.0, 0.0), "place": (0.06, 0.0, 0.06)},
}


class Purpose(IntEnum):
    """The purposes of streams of random numbers; the first word of a stream's key after the seed."""

    PERSON = 0
    PERFORMANCE = 1
    SETUP = 2
    CAMERA = 3
    SENSOR = 4


@dataclass(frozen=True)
class Person:
    """Hold body size in metres and style of movement of a synthetic person.

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
        """Draw person `number` of the set."""
        rng = np.random.default_rng([seed, Purpose.PERSON, number])
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


def rotation(degrees: Array) -> Array:
    """Return matrices (..., 3, 3) that bend forward, turn left and lean right by angles (..., 3), lean first."""
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
    """Return elbow and wrist (or knee and ankle), (T, 3) each, from `root` to the reachable point nearest `target`."""
    reach = target - root
    along = _unit(reach)
    distance = np.linalg.norm(reach, axis=-1, keepdims=True).clip(abs(upper - lower) + 0.05, 0.998 * (upper + lower))
    forward = (upper**2 - lower**2 + distance**2) / (2 * distance)
    across = _unit(pole - np.sum(pole * along, -1, keepdims=True) * along)
    return root + forward * along + np.sqrt(upper**2 - forward**2) * across, root + distance * along


def _arm(shoulder: Array, heading: Array, hand: Array, side: int, person: Person) -> Array:
    """Return shoulder, elbow, wrist, hand, tip and thumb, (T, 6, 3); `side` is 1 on the left, -1 on the right."""
    target = shoulder + _turn(heading, hand * (side, 1, 1)) * (person.upper_arm + person.forearm)
    pole = _turn(heading, (0.45 * side, -0.8, -0.4))
    elbow, wrist = _two_bones(shoulder, target, person.upper_arm, person.forearm, pole)
    along = _unit(wrist - elbow)
    inward = _turn(heading, (-side, 0.2, 0.5))
    thumb = 0.6 * along + 0.6 * _unit(inward - np.sum(inward * along, -1, keepdims=True) * along)
    return np.stack([shoulder, elbow, wrist, *(wrist + person.hand * way for way in (along, 2 * along, thumb))], 1)


def _leg(hip: Array, heading: Array, ankle: Array, side: int, person: Person) -> Array:
    """Return hip, knee, ankle and foot, (T, 4, 3)."""
    knee, ankle = _two_bones(hip, ankle, person.thigh, person.shank, _turn(heading, (0.15 * side, 0.5, 1)))
    return np.stack([hip, knee, ankle, ankle + person.foot * _turn(heading, (0.2 * side, -0.35, 0.92))], 1)


def skeleton(acted: Pose, person: Person) -> Array:
    """Return joints (T, 25, 3) of a pose, in metres; the person first stands at the origin and faces +z."""
    leg, ankle_height = person.thigh + person.shank, 0.55 * person.foot
    heading, trunk = rotation(acted["heading"]), acted["trunk"]
    lower, chest = heading @ rotation(0.4 * trunk), heading @ rotation(trunk)
    joints = np.empty((len(trunk), 25, 3))
    place = leg * acted["place"]
    hips = place + _turn(heading, leg * acted["pelvis"]) + (0, ankle_height + 0.985 * leg, 0)
    joints[:, 0] = hips + _turn(lower, (0, 0.4 * person.hip, 0))
    joints[:, 1] = joints[:, 0] + _turn(lower, (0, person.spine[0], 0))
    joints[:, 20] = joints[:, 1] + _turn(chest, (0, person.spine[1], 0))
    joints[:, 2] = joints[:, 20] + _turn(chest, (0, person.spine[2], 0))
    joints[:, 3] = joints[:, 2] + _turn(chest @ rotation(acted["head"]), (0, person.spine[3], 0.02))
    for side, name in ((1, "left"), (-1, "right")):
        shoulder = joints[:, 20] + _turn(chest, (side * person.shoulder, -0.2 * person.shoulder, 0))
        joints[:, _ARMS[name]] = _arm(shoulder, heading, acted[f"{name}_hand"], side, person)
        step = leg * acted[f"{name}_foot"] * (side, 1, 1) + (side * person.hip, 0, 0)
        ankle = place + _turn(heading, step.clip((-np.inf, 0, -np.inf))) + (0, ankle_height, 0)
        hip = hips + _turn(lower, (side * person.hip, 0, 0))
        joints[:, _LEGS[name]] = _leg(hip, heading, ankle, side, person)
    return joints


def setup_of(subject: int) -> int:
    """Return the setup of a subject; no demo clip has the name of a clip missing from NTU RGB+D."""
    return 2 + subject % 4


def perform(action: int, subject: int, replication: int = 1, seed: int = 1) -> Array:
    """Return world joints (M, T, 25, 3) of a performance, without noise."""
    rng = np.random.default_rng([seed, Purpose.PERFORMANCE, setup_of(subject), subject, replication, action])
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
        world.append(joints @ rotation(np.array([0, facing + 180 * place, 0])).T + centre)
    return np.stack(world)


def _act(action: int, place: int, time: Array, person: Person, rng: np.random.Generator) -> Pose:
    """Return one person's pose over time in one performance, in the person's style."""
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
    """Return slow idle movement (T, 3) with amplitude near 1: two sines of 0.1 to 0.7 Hz an axis."""
    hertz, phase = rng.uniform(0.1, 0.7, (2, 1, 3)), rng.uniform(0, 1, (2, 1, 3))
    return np.sin(2 * np.pi * (hertz * np.arange(frames)[:, None] / FPS + phase)).sum(0) / 2


def _bump(frames: int, rng: np.random.Generator) -> Array:
    """Return a short movement (T, 1): from 0 to 1 and back within a third to all of the clip."""
    middle, width = rng.uniform(0, 1), rng.uniform(0.15, 0.5)
    u = ((np.linspace(0, 1, frames)[:, None] - middle) / width).clip(-1, 1)
    return (1 + np.cos(np.pi * u)) / 2
