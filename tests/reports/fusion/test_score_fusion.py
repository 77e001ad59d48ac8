"""Fusing streams: against a loop over clips by name, and what must not be fused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reports.made_up import CLASSES, CLIPS, labels, scores

from stgdn.errors import InputError
from stgdn.inference.stream_weights import default_weights
from stgdn.reports.fusion.score_fusion import Fusion, StreamScores, fuse

STREAMS = ("joint", "bone", "joint_motion", "bone_motion")


def part(stream: str, place: str = "", **changed: Any) -> StreamScores:  # noqa: ANN401
    return StreamScores(scores(stream, **changed), place or f"runs/{stream}")


def literal_top(parts: list[StreamScores], weights: list[float], k: int) -> float:
    """Top-k of fused scores in per cent, clip by clip."""
    hits = 0
    for number in range(CLIPS):
        total = [0.0] * len(CLASSES)
        for each, weight in zip(parts, weights, strict=True):
            where = each.scores.names.tolist().index(f"clip{number:02d}")
            total = [sum_ + weight * float(s) for sum_, s in zip(total, each.scores.scores[where], strict=True)]
        best = sorted(range(len(CLASSES)), key=lambda label: -total[label])[:k]
        hits += int(labels()[number]) in best
    return 100 * hits / CLIPS


class TestFuse:
    @pytest.mark.parametrize("streams", [STREAMS[:2], STREAMS[:3], STREAMS])
    def test_is_a_loop_over_clips_by_name(self, streams: tuple[str, ...]) -> None:
        generator = np.random.default_rng(7)
        parts = [part(stream, order=generator.permutation(CLIPS)) for stream in streams]
        weights = [0.6, 0.6, 0.4, 0.4] if len(streams) == 4 else [1.0] * len(streams)
        fusion = fuse(parts)
        assert fusion.scores.top1 == pytest.approx(literal_top(parts, weights, 1))
        assert fusion.scores.top5 == pytest.approx(literal_top(parts, weights, 5))
        for index, each in enumerate(fusion.contributions):
            others = [*parts[:index], *parts[index + 1 :]]
            assert (each.stream, each.weight) == (streams[index], weights[index])
            assert each.top1 == pytest.approx(literal_top([parts[index]], [1.0], 1))
            rest = [*weights[:index], *weights[index + 1 :]]
            assert each.without == pytest.approx(literal_top(others, rest, 1))

    @given(seeds=st.lists(st.integers(0, 2**31), min_size=2, max_size=2))
    @settings(max_examples=15)
    def test_the_order_of_clips_does_not_count(self, seeds: list[int]) -> None:
        orders = [np.random.default_rng(seed).permutation(CLIPS) for seed in seeds]
        fused = fuse([part("joint", order=orders[0]), part("bone", order=orders[1])]).scores
        plain = fuse([part("joint"), part("bone")]).scores
        np.testing.assert_array_equal(fused.names, plain.names[orders[0]])
        np.testing.assert_array_equal(fused.scores, plain.scores[orders[0]])
        np.testing.assert_array_equal(fused.labels, plain.labels[orders[0]])

    def test_the_order_of_streams_does_not_count(self) -> None:
        there, back = (fuse([part(stream) for stream in order]) for order in (STREAMS, STREAMS[::-1]))
        assert there.scores.stream == back.scores.stream == "joint+bone+joint_motion+bone_motion"
        assert [each.weight for each in back.contributions] == [0.6, 0.6, 0.4, 0.4]
        np.testing.assert_array_equal(there.scores.scores, back.scores.scores)

    def test_scores_are_added_before_the_softmax(self) -> None:
        fused = fuse([part("joint"), part("bone")]).scores.scores
        np.testing.assert_allclose(fused, scores("joint").scores + scores("bone").scores, rtol=1e-6)

    def test_given_weights(self) -> None:
        fusion = fuse([part("joint"), part("bone")], {"bone": 0.25, "joint_motion": None})
        assert [each.weight for each in fusion.contributions] == [1.0, 0.25]
        assert not fusion.default
        np.testing.assert_allclose(fusion.scores.scores, scores("joint").scores + scores("bone").scores / 4, rtol=1e-5)

    def test_top5_is_left_out_where_it_says_nothing(self) -> None:
        few = {"classes": CLASSES[:5], "labels": labels() % 5}
        parts = [part(s, scores=scores(s).scores[:, :5], **few) for s in STREAMS[:2]]
        fusion = fuse(parts)
        assert fusion.scores.top5 is None
        assert [each.top5 for each in fusion.contributions] == [None, None]

    def test_default_weights(self) -> None:
        assert default_weights(["joint", "joint_motion"]) == [1.0, 1.0]
        assert default_weights(["bone_motion", "bone", "joint_motion", "joint"]) == [0.4, 0.6, 0.4, 0.6]


NAMES = scores().names
CASES: list[tuple[dict[str, Any], str]] = [
    ({"names": np.asarray([*NAMES[:-1], "clip99"])}, "different clips: 1 only in the first, such as 'clip59'; 1 only"),
    (
        {"names": NAMES[:50], "labels": labels()[:50], "scores": scores("bone").scores[:50]},
        "different clips: 10 only in the first, such as 'clip50'",
    ),
    ({"labels": (labels() + (np.arange(CLIPS) == 3)) % 7}, "call clip clip03 differently: 'action [a-g]' and 'action"),
    ({"classes": np.asarray([*CLASSES[:-1], "else"])}, "different classes: 1 only in the first, such as 'action g'"),
    ({"classes": CLASSES[::-1]}, "different classes: the same names in another order"),
    ({"split": "holdout"}, "different splits, test and holdout"),
    ({"names": np.asarray([*NAMES[:-1], "clip00"])}, "runs/bone has clip clip00 more than once"),
    ({"scores": np.where(labels()[:, None] == 2, np.nan, scores().scores)}, "runs/bone has scores that are not finite"),
    ({"scores": scores().scores[:, :6]}, r"runs/bone is damaged: it has 60 names, 60 labels and scores \(60, 6\)"),
    ({"labels": labels() + 1}, "runs/bone is damaged: it has labels that are none of its 7 classes"),
    ({"names": NAMES[:0], "labels": labels()[:0], "scores": scores().scores[:0]}, "damaged: it has 0 names"),
]


class TestMistakes:
    @pytest.mark.parametrize(("changed", "told"), CASES)
    def test_scores_that_do_not_go_together(self, changed: dict[str, Any], told: str) -> None:
        with pytest.raises(InputError, match=told):
            fuse([part("joint"), part("bone", **changed)])

    def test_a_stream_given_twice(self) -> None:
        with pytest.raises(InputError, match="a and b are both of stream joint: give every stream once"):
            fuse([part("joint", "a"), part("bone"), part("joint", "b")])

    @pytest.mark.parametrize("parts", [[], [part("joint")]])
    def test_fewer_than_two(self, parts: list[StreamScores]) -> None:
        with pytest.raises(InputError, match=f"two streams or more, and runs= gives {len(parts)}"):
            fuse(parts)

    @pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), "much", True])
    def test_weights_that_are_not_positive(self, weight: object) -> None:
        with pytest.raises(InputError, match=f"weights.bone={weight} is not a positive number"):
            fuse([part("joint"), part("bone")], {"bone": weight})  # pyright: ignore[reportArgumentType]

    def test_a_weight_for_a_stream_that_is_not_there(self) -> None:
        with pytest.raises(InputError, match=r"bone_motion is not fused: the runs are of joint, bone"):
            fuse([part("joint"), part("bone")], {"bone_motion": 0.4})


def test_a_fusion_holds_what_it_says() -> None:
    fusion: Fusion = fuse([part("joint"), part("bone")])
    assert fusion.scores.top1 == pytest.approx(100 * fusion.scores.accuracy())
    assert fusion.scores.split == "test"
