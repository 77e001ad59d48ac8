"""Comparing an exported network with the trained one: on which clips, by what, and how fast."""

from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.utils.benchmark import set_torch_threads

import stgdn
from stgdn.benchmark.timing import median_seconds
from stgdn.data.build import stored_data
from stgdn.data.store.store import Store
from stgdn.export.verification import clips_for, clips_per_second, largest_difference


class TestClips:
    def test_they_are_the_test_split_s(self, run: Path, tiny_store: Store) -> None:
        network = stgdn.load(run)
        found, real = clips_for(network, 5)
        assert real
        data = stored_data(OmegaConf.load(run / "config.yaml"))  # pyright: ignore[reportArgumentType]
        every = torch.cat([batch["clips"] for batch in data.test_dataloader()])
        expected = every[[0, round((len(every) - 1) / 4), round((len(every) - 1) / 2), -1]]
        torch.testing.assert_close(found[[0, 1, 2, 4]], expected)
        assert len(clips_for(network, 10_000)[0]) == len(every)
        assert len(tiny_store) > len(every)

    def test_random_ones_without_a_store(self, run: Path, tmp_path: Path, tiny_data: Path) -> None:
        network = stgdn.load(run)
        network.config.data.store = str(tmp_path / "gone")
        found, real = clips_for(network, 4)
        assert not real
        assert found.shape == (4, 3, 16, 25, 2)
        assert not (tmp_path / "gone").exists()
        assert clips_for(network, 4, str(tiny_data / "prepared" / "demo"))[1]


def test_the_largest_difference_of_all_scores() -> None:
    clips = torch.arange(40.0)[:, None]

    def other(part: Tensor) -> Tensor:
        return torch.where(part == 33, part + 0.5, part + 0.25)

    assert largest_difference(lambda part: part, other, clips) == 0.5
    sizes: list[int] = []
    largest_difference(lambda part: sizes.append(len(part)) or part, lambda part: part, clips)
    assert sizes == [1, 3, 16, 16, 4]
    assert np.isnan(largest_difference(lambda part: part, lambda part: part * torch.nan, clips))


def test_speed_is_clips_over_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []

    def timed(calls: dict, rounds: int) -> dict[str, float]:
        return dict.fromkeys(median_seconds(calls, min(rounds, 1)), 0.5)

    def scorer(part: Tensor) -> Tensor:
        given.append((len(part), torch.get_num_threads()))
        return part

    monkeypatch.setattr("stgdn.export.verification.median_seconds", timed)
    with set_torch_threads(2):
        assert clips_per_second({"a": scorer, "b": scorer}, torch.zeros(3, 1), 8) == {"a": 16, "b": 16}
        assert torch.get_num_threads() == 2
    assert set(given) == {(8, 1)}
