"""Weights of streams that are fused: given ones, or the published ones."""

import math
from collections.abc import Mapping, Sequence

from stgdn.data.batches.settings import STREAMS
from stgdn.errors import InputError

FOUR_STREAM_WEIGHTS = {"joint": 0.6, "bone": 0.6, "joint_motion": 0.4, "bone_motion": 0.4}  # CTR-GCN's ensemble


def default_weights(streams: Sequence[str]) -> list[float]:
    """Return 0.6 for joint and bone and 0.4 for their motion if all four are fused, as CTR-GCN does; else 1 each."""
    weights = FOUR_STREAM_WEIGHTS if set(streams) == set(FOUR_STREAM_WEIGHTS) else dict.fromkeys(streams, 1.0)
    return [weights[stream] for stream in streams]


def choose_weights(streams: Sequence[str], given: Mapping[str, float | None]) -> list[float]:
    """Return the weight of every stream.

    Raises:
        InputError: one is not positive, or for a stream that is not among `streams`.
    """
    for stream, weight in given.items():
        if weight is None:
            continue
        if stream not in streams:
            raise InputError(
                f"weights.{stream}={weight}, but {stream} is not fused: the runs are of {', '.join(streams)}"
            )
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not (number and math.isfinite(weight) and weight > 0):
            raise InputError(
                f"weights.{stream}={weight} is not a positive number; to leave a stream out, do not give it"
            )
    chosen = zip(streams, default_weights(streams), strict=True)
    return [default if (weight := given.get(stream)) is None else float(weight) for stream, default in chosen]


def rank(stream: str) -> tuple[int, str]:
    """Return the sort key of a stream: the order of `STREAMS`, then the name."""
    return STREAMS.index(stream) if stream in STREAMS else len(STREAMS), stream
