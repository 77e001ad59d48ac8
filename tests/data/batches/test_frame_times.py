"""The frame times at which the network sees a clip, against loops."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.clips import SCENES
from tests.data.literal import literal_frame_times, near

from stgdn.data.batches.frame_times import FrameTimes, frame_times, jittered, looped, resized, window
from stgdn.data.batches.settings import ClipSettings

SEED = np.random.default_rng(0)
LENGTHS = np.array([frames for frames, _ in SCENES])
EXTREMES = np.array([1, 2, 100_000])


def test_loop_repeats_or_resamples() -> None:
    for frames in (1, 2, 7, 30):
        found = looped(LENGTHS, frames)
        assert found.num_distinct.tolist() == [min(length, frames) for length in LENGTHS]
        near(
            found.without_repetition().times,
            [literal_frame_times(length, ClipSettings(frames=frames), None) for length in LENGTHS],
        )


def test_repetitions_come_after_the_distinct_moments() -> None:
    found = FrameTimes(np.array([[4.0, 5, 6, 9, 9]]), np.array([3]))
    assert found.repeated_indices().tolist() == [[0, 1, 2, 0, 1]]
    assert found.without_repetition().times.tolist() == [[4, 5, 6, 4, 5]]
    assert found.without_repetition().num_distinct.tolist() == [5]


@pytest.mark.parametrize("frames", [1, 2, 7, 30])
@pytest.mark.parametrize(("share", "place"), [(1.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.3, 0.25), (0.01, 0.99)])
def test_resize_spreads_evenly_over_the_share(frames: int, share: float, place: float) -> None:
    found = resized(LENGTHS, frames, np.full(len(LENGTHS), share), np.full(len(LENGTHS), place))
    for n, length in enumerate(LENGTHS):
        kept = max(share * length, min(length, 2))  # frames, but no fewer than two where there are two
        first = place * (length - kept)
        near(found.times[n], [first + t * (kept - 1) / max(frames - 1, 1) for t in range(frames)])


def test_resize_takes_the_whole_clip_from_first_to_last() -> None:
    found = resized(LENGTHS, 16)
    assert not found.times[:, 0].any()
    near(found.times[:, -1], LENGTHS - 1)


@settings(max_examples=60)
@given(st.integers(1, 400), st.integers(1, 300), st.floats(0.01, 1), st.floats(0, 1), st.integers(0, 2**32))
def test_crop_and_jitter_stay_ordered_in_the_clip(
    length: int, frames: int, share: float, place: float, seed: int
) -> None:
    crop = resized(np.array([length]), frames, np.array([share]), np.array([place]))
    drawn = jittered(crop, np.random.default_rng(seed).random((1, frames)))
    for at in (crop.times, drawn.times):
        assert at.shape == (1, frames)
        assert (np.diff(at) >= -1e-9).all()
        assert at.min() >= -1e-9
        assert at.max() <= length - 1 + 1e-9
    assert drawn.times.min() >= crop.times.min() - 1e-9
    assert drawn.times.max() <= crop.times.max() + 1e-9


@pytest.mark.parametrize("training", [True, False])
def test_crops_of_ctr_gcn(training: bool) -> None:
    """The frame times are what its way of cropping and PyTorch's interpolation make of the numbers of the frames."""
    lengths = np.array([1, 2, 3, 19, 40, 63, 64, 65, 100, 127, 128, 130, 300])
    numbers = SEED.random((len(lengths), 6))
    asked = ClipSettings(frames=64, sampling="crop_resize", crop=0.5)
    found = frame_times(lengths, asked, numbers if training else None).times
    for length, (share, place), times in zip(lengths, numbers[:, :2], found, strict=True):
        begin = cut = int((1 - 0.95) * length / 2)
        kept = length - 2 * cut
        if training:
            kept = min(max(int(np.floor(length * (0.5 + 0.5 * share))), 64), length)
            begin = int(place * (length - kept + 1))
        frames = torch.arange(begin, begin + kept, dtype=torch.float64)[None, None]
        near(times, F.interpolate(frames, size=64, mode="linear", align_corners=False)[0, 0].numpy())


def test_crop_keeps_at_least_its_share() -> None:
    lengths = SEED.integers(2, 200, 500)
    at = frame_times(lengths, ClipSettings(frames=20, sampling="resize", crop=0.7), SEED.random((500, 6))).times
    share = (at[:, -1] - at[:, 0] + 1) / lengths
    assert share.min() >= 0.7 - 1e-9
    assert share.max() <= 1 + 1e-9
    assert np.ptp(share) > 0.25
    left, right = at[:, 0], lengths - 1 - at[:, -1]
    assert (left > right).mean() == pytest.approx(0.5, abs=0.1)


def test_jitter_is_uneven_and_differs_between_clips_and_epochs() -> None:
    how = ClipSettings(frames=1000, sampling="resize", jitter=True)
    at = frame_times(np.full(3, 41), how, np.array([[0, 0, 0, 0, 0, key] for key in (0.1, 0.2, 0.2)])).times
    assert np.diff(at).std() == pytest.approx(0.04, rel=0.2)  # the gaps of uniform numbers are exponential
    assert (at[0] != at[1]).all()
    assert (at[1] == at[2]).all()


@pytest.mark.parametrize("frames", [1, 5, 12, 40])
def test_window_equals_the_loops(frames: int) -> None:
    how, random_numbers = ClipSettings(frames=frames, sampling="window"), SEED.random((len(LENGTHS), 6))
    near(
        frame_times(LENGTHS, how, random_numbers).times,
        [literal_frame_times(*one) for one in zip(LENGTHS, [how] * 7, random_numbers, strict=True)],
    )
    near(frame_times(LENGTHS, how, None).times, [literal_frame_times(length, how, None) for length in LENGTHS])


@pytest.mark.parametrize(("length", "frames", "begins"), [(10, 7, range(4)), (7, 10, range(-3, 1)), (8, 8, range(1))])
def test_window_begins_everywhere_alike(length: int, frames: int, begins: range) -> None:
    found = window(np.full(4000, length), frames, SEED.random(4000)).times[:, 0]
    values, counts = np.unique(found, return_counts=True)
    assert values.tolist() == list(begins)
    np.testing.assert_allclose(counts / 4000, 1 / len(begins), atol=0.05)


def test_evaluation_takes_the_middle_window_and_pads_at_the_end() -> None:
    at = window(np.array([20, 21, 5]), 10, None).times
    assert at[:, 0].tolist() == [5, 5, 0]
    assert (np.diff(at) == 1).all()


@pytest.mark.parametrize("sampling", ["loop", "resize"])
def test_evaluation_sees_the_whole_clip(sampling: str) -> None:
    augmented = {"crop": 0.5, "jitter": True} if sampling == "resize" else {}
    found = frame_times(LENGTHS, ClipSettings(frames=8, sampling=sampling, **augmented), None)
    plain = frame_times(LENGTHS, ClipSettings(frames=8, sampling=sampling), None)
    np.testing.assert_array_equal(found.times, plain.times)
    assert not found.times[:, 0].any()


@pytest.mark.parametrize("sampling", ["loop", "resize", "window"])
@pytest.mark.parametrize("training", [False, True])
def test_the_shortest_and_longest_clips(sampling: str, training: bool) -> None:
    how = ClipSettings(frames=300, sampling=sampling)
    random_numbers = SEED.random((3, 6)) if training else None
    at = frame_times(EXTREMES, how, random_numbers).without_repetition().times
    expected = [
        literal_frame_times(length, how, None if random_numbers is None else random_numbers[n])
        for n, length in enumerate(EXTREMES)
    ]
    np.testing.assert_allclose(at, expected, rtol=1e-12, atol=1e-6)
    assert at[2].min() >= 0
    assert at[2].max() <= 99_999
