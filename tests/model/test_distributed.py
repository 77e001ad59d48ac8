"""Data-parallel training: processes with shares of a batch compute what one process computes with all of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.model import distributed_step
from tests.model.test_whitening_state import V, features
from torch import Tensor

from stgdn.model import literal
from stgdn.model.norm import BatchNorm
from stgdn.model.whitening import Whitening


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    """Results of two processes, each with half of the batch."""
    folder: Path = tmp_path_factory.mktemp("ranks")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-W",
                "error",
                distributed_step.__file__,
                str(rank),
                str(folder / "store"),
                str(folder / f"{rank}.pt"),
            ],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        complaints = [process.communicate(timeout=120)[1] for process in processes]
    finally:  # one that failed leaves the other waiting
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], complaints
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def test_two_processes_with_half_the_clips_equal_one_with_all(two_ranks: list[dict[str, Tensor]]) -> None:
    expected = distributed_step.step(distributed_step.filters(), *distributed_step.batch())
    outputs = torch.cat([found.pop("outputs") for found in two_ranks])
    torch.testing.assert_close(outputs, expected.pop("outputs"), atol=1e-12, rtol=0)
    for found in two_ranks:
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, atol=1e-12, rtol=0, msg=name)


def test_half_the_clips_without_the_others_give_another_result() -> None:
    x, mask, weights = distributed_step.batch()
    whole = distributed_step.step(distributed_step.filters(), x, mask, weights)
    half = distributed_step.step(distributed_step.filters(), x[:4], mask[:2], weights[:4])
    name = "spatial.whitening.running_covariance"
    assert not torch.allclose(half["outputs"], whole["outputs"][:4], atol=1e-2)
    assert not torch.allclose(half[name], whole[name], atol=1e-2)


@pytest.fixture
def messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A group of one process, and the length of every message that is sent in it."""
    sent: list[int] = []
    reduce = torch.distributed.all_reduce
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    monkeypatch.setattr(
        torch.distributed, "all_reduce", lambda message: (sent.append(message.numel()), reduce(message))[1]
    )
    yield sent
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize(("axis", "size", "length"), [("node", V, V * V + V + 2), ("frame", 4, 3 * 16 + 1)])
def test_one_message_a_layer_and_one_for_its_gradient(axis: str, size: int, length: int, messages: list[int]) -> None:
    layer, x = Whitening(axis, size).double(), features().requires_grad_()
    y = layer(x)
    assert messages == [length]
    y.square().sum().backward()
    assert messages == [length, length]
    torch.testing.assert_close(y, literal.whiten(x, axis), atol=1e-12, rtol=0)


def test_batch_norm_sends_one_message_and_one_for_its_gradient(messages: list[int]) -> None:
    norm, x = BatchNorm(3).double(), features().requires_grad_()
    norm.over_ranks = True
    y = norm(x)
    y.square().sum().backward()
    assert messages == [2 * 3 + 1, 2 * 3]
    torch.testing.assert_close(y, torch.nn.BatchNorm2d(3).double()(x))
