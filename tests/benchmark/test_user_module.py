"""Networks from users' files: loaded as these files expect it, mistakes as one sentence."""

import sys
from pathlib import Path

import pytest
import torch

from stgdn.benchmark.user_module import load, split
from stgdn.errors import InputError
from stgdn.model.clip_check import expect_scores

ADVICE = "build it for them with module_options"
NETWORK = """
from torch import nn
from graph import joints

class Model(nn.Module):
    def __init__(self, num_class, num_point=25):
        super().__init__()
        from graph.more import FACTOR
        assert num_point == joints.V, "another skeleton"
        self.fc = nn.Linear(3, num_class * FACTOR)

    def forward(self, x):
        return self.fc(x.mean((2, 3, 4)))

class Pair(Model):
    def forward(self, x):
        return super().forward(x), x

NOT_A_NETWORK = 3
"""


def checkout(folder: Path, factor: int = 1) -> str:
    """Write a repository: a network in one folder, what it imports in another; return the network's path."""
    (folder / "model").mkdir(parents=True)
    (folder / "graph").mkdir()
    (folder / "model" / "net.py").write_text(NETWORK)
    (folder / "graph" / "__init__.py").touch()
    (folder / "graph" / "joints.py").write_text("V = 25")
    (folder / "graph" / "more.py").write_text(f"FACTOR = {factor}")
    return str(folder / "model" / "net.py")


def test_a_network_that_imports_from_its_repository(tmp_path: Path) -> None:
    path, before = checkout(tmp_path), list(sys.path)
    module = load(f"{path}:Model", {"num_class": 7})
    expect_scores(module, "Model", torch.randn(2, 3, 8, 25, 2), 7, ADVICE)
    assert sys.path == before
    assert "graph" not in sys.modules


def test_two_repositories_whose_files_are_called_the_same(tmp_path: Path) -> None:
    first, second = (checkout(tmp_path / str(factor), factor) for factor in (1, 2))
    x = torch.randn(2, 3, 8, 25, 2)
    assert load(f"{first}:Model", {"num_class": 4})(x).shape == (2, 4)
    assert load(f"{second}:Model", {"num_class": 4})(x).shape == (2, 8)


@pytest.mark.parametrize(
    ("place", "options", "message"),
    [
        ("nowhere.py:Model", {}, "there is no file nowhere.py"),
        ("{}:Modle", {}, "unknown network class of .*net.py 'Modle', allowed: .*Model.*did you mean 'Model'"),
        ("{}:NOT_A_NETWORK", {}, "unknown network class"),
        ("{}:Model", {}, r"TypeError: .*num_class.*; it takes Model\(self, num_class, num_point=25\)"),
        ("{}:Model", {"num_class": 4, "joints": 3}, "unexpected keyword argument 'joints'"),
        ("{}:Model", {"num_class": 4, "num_point": 20}, "AssertionError: another skeleton"),
    ],
)
def test_mistakes_get_one_sentence(tmp_path: Path, place: str, options: dict, message: str) -> None:
    path = checkout(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        load(place.format(path), options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("net.py", "import no_such_thing", "net.py cannot be imported: ModuleNotFoundError: .*no_such_thing"),
        ("net.py", "def :", "net.py cannot be imported: SyntaxError"),
        ("net.py", "raise ValueError", "net.py cannot be imported: ValueError$"),
        ("net.txt", "x = 1", r"must end in \.py"),
    ],
)
def test_a_file_that_cannot_be_imported(tmp_path: Path, name: str, code: str, message: str) -> None:
    (tmp_path / name).write_text(code)
    with pytest.raises(InputError, match=message):
        load(f"{tmp_path / name}:Model", {})


@pytest.mark.parametrize("place", ["net.py", ":Model", "net.py:", "net.py:no class"])
def test_places_have_a_form(place: str) -> None:
    with pytest.raises(InputError, match="is not PATH:CLASS"):
        split(place)


def test_what_it_gives_is_checked(tmp_path: Path) -> None:
    path, x = checkout(tmp_path), torch.randn(2, 3, 8, 25, 2)
    with pytest.raises(InputError, match=r"Model gives \(2, 5\) for 2 clips where \(N, classes\) = \(2, 60\)"):
        expect_scores(load(f"{path}:Model", {"num_class": 5}), "Model", x, 60, ADVICE)
    with pytest.raises(InputError, match="Pair gives tuple"):
        expect_scores(load(f"{path}:Pair", {"num_class": 60}), "Pair", x, 60, ADVICE)
    with pytest.raises(InputError, match=r"fails on clips \(N, C, T, V, M\) = \(2, 4, 8, 25, 2\): RuntimeError"):
        expect_scores(load(f"{path}:Model", {"num_class": 60}), "Model", torch.randn(2, 4, 8, 25, 2), 60, ADVICE)
