"""Files of weights: read as they were written, refused in one sentence otherwise, and nothing in them runs."""

import pickle
import random
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from stgdn.errors import InputError
from stgdn.runs.weights_file import read_weights


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple:
        return Path.touch, (self.place,)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": {"weight": torch.arange(3.0)}, "epoch": 2}, path)
    content = read_weights(path)
    torch.testing.assert_close(content["state_dict"]["weight"], torch.tensor([0.0, 1.0, 2.0]))
    assert content["epoch"] == 2


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_in_a_pickle_does_not_run(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "a.ckpt"
    path.write_bytes(pickle.dumps({"state_dict": Trap(tmp_path / "trapped")}, protocol))
    with pytest.raises(
        InputError, match=r"a\.ckpt is not a readable checkpoint: it .*; only weights .* nothing in it was run"
    ) as raised:
        read_weights(path)
    assert "weights_only" not in str(raised.value)  # PyTorch's advice to run it after all
    assert not (tmp_path / "trapped").exists()


def test_code_in_a_file_by_torch_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"weight": torch.zeros(1), "more": Trap(tmp_path / "trapped")}, path)
    with pytest.raises(InputError, match=r"is not a readable file of weights: it holds getattr"):
        read_weights(path, "file of weights")
    assert not (tmp_path / "trapped").exists()


def test_missing_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a readable checkpoint: No such file"):
        read_weights(tmp_path / "none.ckpt")
    with pytest.raises(InputError, match="not a readable checkpoint: Is a directory"):
        read_weights(tmp_path)


def test_a_file_that_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": {"weight": torch.zeros(1000)}}, path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="failed reading zip archive"):
        read_weights(path)


def test_a_bit_that_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": {"weight": torch.ones(1000)}}, path)
    content = bytearray(path.read_bytes())
    content[content.index(torch.ones(8).numpy().tobytes()) + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"is not a readable checkpoint: its checksum of \w+/data/0 differs"):
        read_weights(path)


def test_any_bytes_are_refused_in_a_sentence(tmp_path: Path) -> None:
    path, generator = tmp_path / "a.ckpt", random.Random(0)
    whole = pickle.dumps({"epoch": [1, 2.5, "x"]}, 2)
    read = 0
    for _ in range(300):
        if generator.random() < 0.5:
            content = generator.randbytes(generator.randrange(100))
        else:
            content = bytearray(whole)
            content[generator.randrange(len(content))] = generator.randrange(256)
        path.write_bytes(content)
        with suppress(InputError):
            read_weights(path)
            read += 1
    assert read < 100
