"""Which classes a stored config may name once the user trusts a package: its own, and only while it is trusted."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from stgdn.errors import InputError
from stgdn.runs.own_classes import is_trusted, make_network, own_packages, trusting
from stgdn.runs.stored_config import build
from stgdn.training.checkpoint_file import stored_network

MINE = """
import os
from os import mkdir
from torch import nn
from torch.nn import Linear

Path = os.path.join

class Inner:
    def __init__(self, size=1):
        self.size = size

class Net(nn.Module):
    def __init__(self, size, inner=None):
        super().__init__()
        self.fc, self.inner = nn.Linear(size, size), inner

class Filter(nn.Module):
    def __init__(self, C_in, C_out, physical):
        super().__init__()

class Optimizer:
    def __init__(self, parameters, lr):
        self.lr = lr

def broken(**options):
    raise KeyError("there")

def word(**options):
    return "word"
"""
ROWS = {"channels": [4], "strides": 1, "num_classes": 3, "frames": 8}


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package `mine` whose import leaves a mark."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w').close()")
    (tmp_path / "mine" / "net.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("mine", "mine.net"):
        sys.modules.pop(name, None)


def network(**options: Any) -> nn.Module:  # noqa: ANN401
    """The network of a stored config: lists and groups are OmegaConf's, as `stored_config` gives them."""
    return stored_network(OmegaConf.create(options))


@pytest.mark.parametrize("trust", [None, (), "min", ["mine.other", "other"], "mine.net.Net"])
def test_nothing_is_imported_before_it_is_trusted(trust: Any, tmp_path: Path) -> None:  # noqa: ANN401
    named = {"_target_": "mine.net.Net", "size": 3}
    own_block = {"_target_": "stgdn.model.network.Network", **ROWS, "blocks": ["mine.net.Filter"]}
    with trusting(trust):
        for config in (named, own_block):
            with pytest.raises(InputError, match="say trust=mine"):
                network(**config)
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize("trust", ["mine", "mine.net", ["other", "mine"]])
def test_a_class_of_a_trusted_package(trust: Any) -> None:  # noqa: ANN401
    inner = {"_target_": "mine.net.Inner", "size": 5}
    with trusting(trust):
        made: Any = network(_target_="mine.net.Net", size=3, name="called", inner=inner)
        assert made.inner.size == 5
        assert made.fc.in_features == 3
        optimizer = build({"_target_": "mine.net.Optimizer", "_partial_": True, "lr": 0.5}, "optimizer")
        assert optimizer([torch.zeros(1)]).lr == 0.5
    assert not is_trusted("mine.net.Net")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"_target_": "mine.net.mkdir", "path": "made"}, "which mine does not define"),
        ({"_target_": "mine.net.os.mkdir", "path": "made"}, "which mine does not define"),
        ({"_target_": "mine.net.Linear", "in_features": 3, "out_features": 3}, "which mine does not define"),
        ({"_target_": "mine.net.Nothing"}, "there is no mine.net.Nothing, .* --config-dir"),
        ({"_target_": "mine.net.Net", "size": {"_target_": "os.mkdir", "path": "made"}}, "'os.mkdir'.*say trust=os"),
        ({"_target_": "mine.net.Net", "_args_": [{"_target_": "os.mkdir", "path": "made"}]}, "say trust=os"),
        ({"_target_": "mine.net.Net", "size": {"_target_": "mine.net.mkdir", "path": "made"}}, "does not define"),
        ({"_target_": "mine.net.Net"}, "mine.net.Net cannot be made as the config says: .*missing 1 required"),
        ({"_target_": "mine.net.broken"}, "mine.net.broken cannot be made as the config says: 'there'"),
        ({"_target_": "mine.net.word"}, "makes a str"),
    ],
)
def test_only_what_the_package_defines_is_made(
    config: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with trusting("mine"), pytest.raises(InputError, match=message):
        network(**config)
    assert not Path("made").exists()


def test_a_block_of_a_trusted_package() -> None:
    rows = {"_target_": "stgdn.model.network.Network", **ROWS}
    with trusting("mine"):
        assert "Filter" in repr(network(**rows, blocks="mine.net.Filter"))
        with pytest.raises(InputError, match=r"unknown block of mine\.net 'os', allowed: Net, Filter"):
            network(**rows, blocks=["mine.net.os"])


def test_a_name_goes_to_classes_that_take_one() -> None:
    made: Any = make_network({"_target_": "stgdn.model.network.Network", **ROWS, "blocks": "gcn", "name": "own"})
    assert made.name == "own"
    assert make_network({"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 2, "name": "own"})


@pytest.mark.parametrize(
    ("model", "packages"),
    [
        ({"_target_": "stgdn.model.network.Network", "blocks": "gcn"}, []),
        ({"_target_": "stgdn.model.gcn_nas.GCNNAS"}, []),
        ({"_target_": "stgdn.model.network.Network", "blocks": ["gcn", "b.c.Block", "a.Block", "b.Other"]}, ["a", "b"]),
        ({"_target_": "mine.net.Net"}, ["mine"]),
    ],
)
def test_packages_of_ones_own(model: dict[str, Any], packages: list[str]) -> None:
    assert own_packages(OmegaConf.create(model)) == packages
