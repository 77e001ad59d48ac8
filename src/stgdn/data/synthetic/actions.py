"""Choreography of the synthetic demo set: a pose as named tracks of keyframes, joined smoothly, plus oscillations.

Glossary of shapes and units: T frames; every track is (T, 3).

    heading, trunk, head    degrees: bend forward, turn to the own left, lean to the own right; the head on the trunk
    place                   leg lengths (left, up, forward), axes of the first heading: moves the whole person
    pelvis                  leg lengths (left, up, forward) of the hips over the feet
    left_hand, right_hand   arm lengths (out, up, forward) of a wrist from its shoulder, axes of the heading
    left_foot, right_foot   leg lengths (out, up, forward) of an ankle from where it stands

Written for a right-handed person. A track begins (time 0) and ends (time 1) at rest where no keyframe says otherwise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]
Track = tuple[tuple[float, Vector], ...]
Pose = dict[str, NDArray[np.float64]]

ZERO: Vector = (0.0, 0.0, 0.0)
HANGING: Vector = (0.10, -0.97, 0.06)
REST: dict[str, Vector] = {
    **dict.fromkeys(("heading", "trunk", "head", "place", "pelvis", "left_foot", "right_foot"), ZERO),
    **dict.fromkeys(("left_hand", "right_hand"), HANGING),
}
# Standard deviation of what one performance adds to the keyframes of the table, in the units of the track.
SPREAD: dict[str, Vector] = {
    **dict.fromkeys(("heading", "trunk", "head"), (3.0, 3.0, 3.0)),
    **dict.fromkeys(("left_hand", "right_hand"), (0.08, 0.08, 0.08)),
    **dict.fromkeys(("left_foot", "right_foot", "place"), (0.02, 0.0, 0.02)),
    **{"pelvis": (0.02, 0.02, 0.02), "heading": (0.0, 6.0, 0.0)},
}

MOUTH, EAR, POCKET = (-0.20, 0.15, 0.34), (0.08, 0.22, 0.15), (0.05, -0.70, 0.25)
GUARD, GRIP = (-0.08, -0.15, 0.35), (-0.30, -0.30, 0.66)
OVERHEAD, BESIDE_HEAD = (0.14, 0.64, 0.24), (0.28, 0.54, 0.26)
SEATED, ON_THIGH, CLAP = (0.0, -0.50, -0.50), (-0.02, -0.70, 0.42), (-0.20, -0.20, 0.60)


@dataclass(frozen=True)
class Wave:
    """Add an oscillation amplitude · sin 2π(cycles · u + phase) on a track; u runs from 0 at `start` to 1 at `stop`."""

    track: str
    amplitude: Vector
    cycles: float
    start: float
    stop: float
    phase: float = 0.0


@dataclass(frozen=True)
class Role:
    """Hold the tracks and oscillations of one person of an action."""

    tracks: dict[str, Track]
    waves: tuple[Wave, ...] = ()


@dataclass(frozen=True)
class Action:
    """Describe a synthetic action.

    Attributes:
        roles: one for each person.
        seconds: usual duration without the idle time around it.
        distance: metres between the two people at time 0.
        both_hands: chance that the left hand joins in.
        handed: left-handed people do it mirrored.
    """

    roles: tuple[Role, ...]
    seconds: float
    distance: float = 0.0
    both_hands: float = 0.0
    handed: bool = True


def _role(*waves: Wave, **tracks: Track) -> Role:
    return Role(tracks, waves)


def _backwards(role: Role) -> Role:
    return Role({name: tuple((1 - time, value) for time, value in track[::-1]) for name, track in role.tracks.items()})


def _gait(cycles: float, start: float, stop: float) -> tuple[Wave, ...]:
    """Return the oscillations of legs and arms in walking; feet cannot sink, so half of their rise is a step."""
    span = (cycles, start, stop)
    return (
        *(Wave("left_foot", (0, 0, 0.24), *span), Wave("left_foot", (0, 0.12, 0), *span, phase=0.25)),
        *(Wave("right_foot", (0, 0, -0.24), *span), Wave("right_foot", (0, -0.12, 0), *span, phase=0.25)),
        *(Wave("left_hand", (0, 0, -0.22), *span), Wave("right_hand", (0, 0, 0.22), *span)),
    )


_DRINK = _role(
    right_hand=((0.3, MOUTH), (0.7, MOUTH)),
    head=((0.3, ZERO), (0.42, (-20, 0, 0)), (0.62, (-20, 0, 0)), (0.75, ZERO)),
)
_PICK_UP = _role(
    trunk=((0.45, (62, -8, 0)), (0.55, (62, -8, 0))),
    pelvis=((0.45, (0, -0.36, -0.22)), (0.55, (0, -0.36, -0.22))),
    right_hand=((0.45, (0.05, -0.9, 0.3)), (0.55, (0.05, -0.9, 0.3)), (0.85, (0, -0.55, 0.4))),
)
_THROW = _role(
    right_hand=((0.35, (0.4, 0.3, -0.5)), (0.55, (0, 0.45, 0.8)), (0.7, (-0.35, -0.35, 0.55))),
    left_hand=((0.35, (0.2, -0.35, 0.55)), (0.6, (0.2, -0.75, 0.1))),
    trunk=((0.35, (-8, -32, 6)), (0.55, (14, 22, 0)), (0.7, (20, 30, 0))),
    left_foot=((0.3, ZERO), (0.4, (0, 0.08, 0.14)), (0.5, (0, 0, 0.3)), (0.75, (0, 0, 0.3)), (0.9, (0, 0.06, 0.1))),
    pelvis=((0.35, (0, -0.02, -0.05)), (0.55, (0, -0.05, 0.14)), (0.8, (0, -0.04, 0.12))),
)
_SIT_DOWN = _role(
    pelvis=((0.1, ZERO), (0.8, SEATED), (1, SEATED)),
    trunk=((0.45, (32, 0, 0)), (0.9, (6, 0, 0)), (1, (6, 0, 0))),
    left_hand=((0.1, HANGING), (0.8, ON_THIGH), (1, ON_THIGH)),
    right_hand=((0.1, HANGING), (0.8, ON_THIGH), (1, ON_THIGH)),
)
_CLAP = _role(
    *(Wave(hand, (0.14, 0, 0), 4.5, 0.15, 0.9) for hand in ("left_hand", "right_hand")),
    left_hand=((0.2, CLAP), (0.85, CLAP)),
    right_hand=((0.2, CLAP), (0.85, CLAP)),
)
_CHEER = _role(
    *(Wave("right_hand", (0, 0.26, 0.05), 3, 0.2, 0.88), Wave("pelvis", (0, 0.04, 0), 3, 0.2, 0.88)),
    right_hand=((0.25, OVERHEAD), (0.8, OVERHEAD)),
)
_WAVE = _role(
    *(Wave("right_hand", (0.38, 0, 0), 2.5, 0.2, 0.88), Wave("trunk", (0, 0, 4), 2.5, 0.2, 0.88)),
    right_hand=((0.25, BESIDE_HEAD), (0.8, BESIDE_HEAD)),
)
_KICK = _role(
    right_foot=((0.15, ZERO), (0.35, (0, 0.14, -0.36)), (0.55, (0, 0.42, 0.72)), (0.85, ZERO)),
    trunk=((0.35, (10, 0, 0)), (0.55, (-14, 0, 0)), (0.85, ZERO)),
    pelvis=((0.35, (0.1, -0.02, 0)), (0.55, (0.1, -0.02, 0.06)), (0.85, ZERO)),
    left_hand=((0.35, (0.25, -0.8, 0.35)), (0.55, (0.4, -0.7, -0.3))),
    right_hand=((0.35, (0.3, -0.75, -0.25)), (0.55, (0.35, -0.75, 0.1))),
)
_PHONE = _role(
    right_hand=((0.12, POCKET), (0.25, (0.0, -0.15, 0.5)), (0.38, EAR), (1, EAR)),
    head=((0.25, ZERO), (0.4, (6, 0, 12)), (1, (6, 0, 12))),
)
_PUNCH = _role(
    right_hand=((0.25, GUARD), (0.35, GUARD), (0.5, (-0.28, 0.14, 0.94)), (0.65, GUARD)),
    left_hand=((0.25, GUARD), (0.65, GUARD)),
    trunk=((0.35, (0, -15, 0)), (0.5, (10, 25, 0)), (0.7, ZERO)),
    left_foot=((0.3, ZERO), (0.42, (0, 0.06, 0.1)), (0.5, (0, 0, 0.2)), (0.75, (0, 0, 0.2)), (0.9, (0, 0.05, 0.1))),
    pelvis=((0.3, ZERO), (0.5, (0, -0.03, 0.12)), (0.75, (0, -0.03, 0.1))),
)
_PUNCHED = _role(
    trunk=((0.46, ZERO), (0.6, (-16, 12, 5)), (0.8, (-4, 0, 0))),
    head=((0.46, ZERO), (0.56, (-18, 20, 8)), (0.8, ZERO)),
    right_foot=((0.5, ZERO), (0.56, (0, 0.06, -0.1)), (0.62, (0, 0, -0.2)), (1, (0, 0, -0.2))),
    pelvis=((0.46, ZERO), (0.62, (0, -0.03, -0.1)), (1, (0, -0.03, -0.1))),
    left_hand=((0.5, HANGING), (0.65, (0.2, -0.45, 0.5))),
)
_SHAKE = _role(
    Wave("right_hand", (0, 0.12, 0), 3.5, 0.28, 0.82),
    right_hand=((0.3, GRIP), (0.8, GRIP)),
    trunk=((0.3, (8, 8, 0)), (0.8, (8, 8, 0))),
)
_TOWARDS = _role(*_gait(1.5, 0.1, 0.9), place=((0.1, ZERO), (0.9, (0, 0, 1)), (1, (0, 0, 1))))
_APART = _role(
    *_gait(1.5, 0.2, 0.95),
    place=((0.2, ZERO), (0.95, (0, 0, -1)), (1, (0, 0, -1))),
    heading=((0.05, ZERO), (0.35, (0, 180, 0)), (1, (0, 180, 0))),
)

# By NTU action number.
CHOREOGRAPHY: dict[int, Action] = {
    1: Action((_DRINK,), 2.0),
    6: Action((_PICK_UP,), 1.8),
    7: Action((_THROW,), 1.5),
    8: Action((_SIT_DOWN,), 1.7),
    9: Action((_backwards(_SIT_DOWN),), 1.7),
    10: Action((_CLAP,), 1.9),
    22: Action((_CHEER,), 2.0, both_hands=0.6),
    23: Action((_WAVE,), 2.0, both_hands=0.3),
    24: Action((_KICK,), 1.5),
    28: Action((_PHONE,), 2.0),
    50: Action((_PUNCH, _PUNCHED), 1.5, distance=0.85),
    58: Action((_SHAKE, _SHAKE), 2.0, distance=0.95, handed=False),
    59: Action((_TOWARDS, _TOWARDS), 2.1, distance=2.6),
    60: Action((_APART, _APART), 2.1, distance=0.9),
}


def pose(
    role: Role, time: NDArray[np.float64], rng: np.random.Generator, tempo: float = 1.0, amplitude: float = 1.0
) -> Pose:
    """Return the pose of a role: every track (T, 3) at the times `time` (T,), of which 0..1 is the action.

    Keyframes shift a little from one performance to the next; `tempo` scales cycles, `amplitude` the size of waves.
    """
    acted = {name: _interpolate(_keyframes(name, role.tracks.get(name, ()), rng), time) for name in REST}
    for wave in role.waves:
        u = np.clip((time - wave.start) / (wave.stop - wave.start), 0, 1)
        envelope = amplitude * np.minimum(1, 4 * np.minimum(u, 1 - u))
        swing = envelope * np.sin(2 * np.pi * (tempo * wave.cycles * u + wave.phase))
        size = np.array(wave.amplitude)
        acted[wave.track] = acted[wave.track] + swing[:, None] * (size + rng.normal(0, 0.15 * np.linalg.norm(size), 3))
    return acted


def _keyframes(name: str, track: Track, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return rows (time, x, y, z) of a track with its ends filled in; inner keyframes and held ends are jittered."""
    given = dict(track)
    rows = np.array([(time, *value) for time, value in sorted(({0.0: REST[name], 1.0: REST[name]} | given).items())])
    if name in ("trunk", "head"):
        rows[:, 1:] *= rng.uniform(0.3, 1.1)
    moved = np.any(rows[:, 1:] != REST[name], axis=1)
    # One shift for the whole track: what is held stays held, and a raised foot comes down where it stood.
    rows[moved, 1:] += rng.normal(0, SPREAD[name], 3)
    rows[1:-1, 0] += rng.uniform(-0.03, 0.03)
    return rows


def _interpolate(rows: NDArray[np.float64], time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate keyframes with zero speed: Σ_k (v_{k+1} - v_k) s((t - t_k) / (t_{k+1} - t_k)), s(u) = 3u² - 2u³."""
    u = np.clip((time[:, None] - rows[:-1, 0]) / np.diff(rows[:, 0]), 0, 1)
    return rows[0, 1:] + np.einsum("tk,kc->tc", u * u * (3 - 2 * u), np.diff(rows[:, 1:], axis=0))


def mirrored(acted: Pose) -> Pose:
    """Return the same pose for a left-handed person."""
    swap = {"left": "right", "right": "left"}
    out = {}
    for name, track in acted.items():
        side, _, limb = name.partition("_")
        if limb:
            out[f"{swap[side]}_{limb}"] = track
        else:
            out[name] = track * ((-1, 1, 1) if name in ("place", "pelvis") else (1, -1, -1))
    return out
