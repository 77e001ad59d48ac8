"""Published weights: our networks give the scores of the published ones, and what does not fit is listed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import RunCommand
from tests.model.networks import CLASSES, T, clips, network
from torch import Tensor, nn

import stgdn
from stgdn.errors import InputError
from stgdn.export.importing import expect_same_graph, read_published, to_state_dict
from stgdn.export.published_names import AGCN, CTR_GCN, ST_GCN
from stgdn.model import literal_networks as published
from stgdn.model.literal_weights import FILTERS
from stgdn.model.network import Network
from stgdn.skeleton import layout

# Where the official names differ from those of the literal networks, which stand first; the longest first.
OFFICIAL_UNIT = {"gcn1.filter.conv_d.plain": "gcn1.conv_d", "gcn1.filter": "gcn1"}
OFFICIAL_STGCN = {
    "temporal_bn": "tcn.3",
    "temporal": "tcn.2",
    "bn": "tcn.0",
    "conv": "gcn.conv",
    "residual": "residual",
}


def scrambled(net: nn.Module) -> nn.Module:
    """Every parameter and running state with a value of its own."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if name.endswith("running_var"):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
            elif tensor.is_floating_point() and name.split(".")[-1] != "A":
                size = tensor[0].numel() ** -0.5 if tensor.ndim > 1 else 0.3
                tensor.copy_(size * torch.randn(tensor.shape, generator=generator))
    return net.double().eval()


def literal_agcn(ours: Network, joints: str = "kinect20", bodies: int = 2) -> published.AGCN:
    """2s-AGCN, or CTR-GCN, of the size of our network."""
    filters = [FILTERS[block] for block in ours.block_names]
    A = published.directed_adjacency(layout(joints))
    rows = (ours.channels, ours.strides, filters)
    made = published.AGCN(*rows, A, num_classes=ours.classifier.out_features, frames=T, bodies=bodies)
    return scrambled(made)  # pyright: ignore[reportReturnType]


def literal_st_gcn(ours: Network) -> published.STGCN:
    skeleton = layout("kinect20")
    A = published.spatial_adjacency(skeleton, skeleton.root)
    return scrambled(published.STGCN(ours.channels, ours.strides, A, num_classes=CLASSES))  # pyright: ignore[reportReturnType]


def official_agcn(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A literal network's state by the names of lshiwjx/2s-AGCN or CTR-GCN: l1.gcn1.conv_a.0.weight, ..."""
    state = {}
    for name, tensor in weights.items():
        if name.endswith(".A"):
            continue  # not a part of the official state
        head, _, rest = name.partition(".")
        if head == "layers":
            number, _, rest = rest.partition(".")
            for literal, official in OFFICIAL_UNIT.items():
                if rest.startswith(literal):
                    rest = official + rest.removeprefix(literal)
                    break
            name = f"l{int(number) + 1}.{rest}"
        state[name] = tensor
    return state


def official_st_gcn(net: nn.Module) -> dict[str, Tensor]:
    """A literal network's state by the names of yysijie/st-gcn: st_gcn_networks.0.gcn.conv.weight, ..."""
    state = {}
    for name, tensor in net.state_dict().items():
        head, _, rest = name.partition(".")
        if head != "layers":
            state[name] = tensor
            continue
        number, _, rest = rest.partition(".")
        part, _, rest = rest.partition(".")
        if part == "A":
            state["A"] = tensor
        elif part == "importance":
            state[f"edge_importance.{number}"] = tensor
        else:
            state[f"st_gcn_networks.{number}.{OFFICIAL_STGCN.get(part, part)}.{rest}"] = tensor
    return state


def test_agcn_gives_the_published_scores() -> None:
    ours = network("agcn").eval()
    theirs = literal_agcn(ours)
    state = official_agcn(theirs.state_dict())
    assert {"data_bn.weight", "l1.gcn1.PA", "l10.tcn1.conv.weight", "l5.residual.bn.bias", "fc.weight"} <= set(state)
    assert {"l2.gcn1.conv_a.2.bias", "l5.gcn1.down.0.weight", "l5.gcn1.down.1.running_var"} <= set(state)
    ours.load_state_dict(to_state_dict(state, ours, AGCN, "x.pt"))
    expected = theirs(clips()).detach()
    assert float(expected.std()) > 1e-2
    torch.testing.assert_close(ours(clips()), expected, atol=1e-10, rtol=0)


def test_ctr_gcn_gives_the_published_scores_and_gradients() -> None:
    ours = network("ctr_gcn")
    theirs = literal_agcn(ours)
    state = official_agcn(theirs.state_dict())
    assert {"l1.gcn1.PA", "l3.gcn1.alpha", "l10.gcn1.convs.2.conv4.bias", "l5.gcn1.down.1.weight"} <= set(state)
    assert {"l2.tcn1.branches.1.3.conv.weight", "l2.tcn1.branches.2.4.bias", "l2.tcn1.branches.3.1.bias"} <= set(state)
    assert {"l5.residual.conv.weight", "l5.residual.bn.bias", "data_bn.bias", "fc.bias"} <= set(state)
    ours.load_state_dict(to_state_dict(state, ours, CTR_GCN, "x.pt"))
    expected = theirs(clips())
    assert float(expected.detach().std()) > 1e-2
    torch.testing.assert_close(ours.eval()(clips()), expected, atol=1e-10, rtol=1e-12)
    for net in (ours.train(), theirs.train()):
        net(clips()).sin().sum().backward()
    gradients: Any = official_agcn({name: parameter.grad for name, parameter in theirs.named_parameters()})  # pyright: ignore
    for name, parameter in ours.named_parameters():
        names, join = CTR_GCN.source_of(name)
        torch.testing.assert_close(parameter.grad, join([gradients[each] for each in names]), atol=1e-9, rtol=1e-9)


def test_st_gcn_gives_the_published_scores() -> None:
    ours = network("st_gcn").eval()
    theirs = literal_st_gcn(ours)
    state = official_st_gcn(theirs)
    assert {"A", "edge_importance.9", "st_gcn_networks.4.residual.1.weight", "fcn.weight"} <= set(state)
    assert {"st_gcn_networks.0.tcn.0.weight", "st_gcn_networks.0.tcn.2.weight"} <= set(state)
    ours.load_state_dict(to_state_dict(state, ours, ST_GCN, "x.pt"))
    expected = theirs(clips()).detach()
    assert float(expected.std()) > 1e-2
    torch.testing.assert_close(ours(clips()), expected, atol=1e-10, rtol=0)


def test_files_of_several_gpus_and_of_old_versions(tmp_path: Path) -> None:
    ours = network("agcn").eval()
    state = official_agcn(literal_agcn(ours).state_dict())
    old = {f"module.{name}": tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    assert len(old) < len(state)
    torch.save(old, tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    read = read_published(tmp_path / "x.pt")
    ours.load_state_dict(to_state_dict(read, ours, AGCN, "x.pt"))
    torch.save({"state_dict": state}, tmp_path / "nested.pt")
    nested = read_published(tmp_path / "nested.pt")
    assert nested.keys() == state.keys()
    other = network("agcn").eval()
    other.load_state_dict(to_state_dict(nested, other, AGCN, "nested.pt"))
    assert torch.equal(ours(clips()), other(clips()))


def saved(path: Path, model: str = "agcn") -> nn.Module:
    """A narrow network's file as the published code writes it, for 14 classes of NTU; returns the literal network."""
    ours = network(model, num_classes=14, frames=16, layout="ntu25")
    skeleton = layout("ntu25")
    if model != "st_gcn":
        theirs = literal_agcn(ours, "ntu25").float()
        torch.save(official_agcn(theirs.state_dict()), path)
    else:
        A = published.spatial_adjacency(skeleton, 20)
        theirs = scrambled(published.STGCN(ours.channels, ours.strides, A, num_classes=14)).float()
        torch.save(official_st_gcn(theirs), path)
    return theirs


DEMO = ("data=demo", "width=0.125", "data.frames=16")


class TestCommand:
    @pytest.mark.parametrize(("model", "paper"), [("agcn", "2s-AGCN"), ("st_gcn", "ST-GCN"), ("ctr_gcn", "CTR-GCN")])
    def test_a_folder_that_load_takes(self, run_command: RunCommand, tmp_path: Path, model: str, paper: str) -> None:
        theirs = saved(tmp_path / "x.pt", model)
        outcome = run_command("import_weights", "weights=x.pt", f"model={model}", *DEMO, "write=made")
        assert outcome.code == 0, outcome.err
        assert outcome.err == ""
        assert f"weights of {paper}" in outcome.out
        made = stgdn.load("made")
        assert (made.name, made.stream, made.finished) == (model, "joint", True)
        assert made.classes[0] == "drink water"
        x = torch.randn(3, 3, 16, 25, 2, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(made.network(x), theirs(x), atol=1e-4, rtol=1e-4)
        card = (tmp_path / "made" / "README.md").read_text()
        assert "x.pt" in card
        assert "Not measured" in card
        assert str(tmp_path) not in card + (tmp_path / "made" / "config.json").read_text()
        again = run_command("import_weights", "weights=x.pt", f"model={model}", *DEMO, "write=made")
        assert again.code == 1
        assert "overwrite=true" in again.err

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["model=st_gcn"], "is a file of 2s-AGCN, and st_gcn takes those of ST-GCN: say model=agcn"),
            (["model=ctr_gcn"], "is a file of 2s-AGCN, and ctr_gcn takes those of CTR-GCN: say model=agcn"),
            (["model=st_gdn"], "say model=agcn"),
            (["data.num_classes=60"], "of another shape: fc.weight (14, 32) for classifier.weight"),
            (["data.bodies=1"], "data_bn.weight (150,) for input_norm.weight (75,)"),
            (["model=agnc"], "did you mean 'agcn'"),
            (["weights=nothing.pt"], "No such file"),
        ],
    )
    def test_what_does_not_fit_gets_a_sentence(
        self, run_command: RunCommand, tmp_path: Path, options: list[str], message: str
    ) -> None:
        saved(tmp_path / "x.pt")
        outcome = run_command(
            "import_weights", *(() if "weights" in options[0] else ("weights=x.pt",)), *DEMO, *options
        )
        assert outcome.code == 1
        assert message in outcome.err
        assert len(outcome.err.splitlines()) == 1
        assert not (tmp_path / "exports").exists()

    def test_pickled_code_does_not_run(self, run_command: RunCommand, tmp_path: Path) -> None:
        torch.save({"l1.gcn1.PA": Trap()}, tmp_path / "x.pt")
        outcome = run_command("import_weights", "weights=x.pt", *DEMO)
        assert outcome.code == 1
        assert "nothing in it was run" in outcome.err
        assert not (tmp_path / "trapped").exists()


class Trap:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> tuple:
        return Path.touch, (Path("trapped"),)


class TestDifferences:
    def test_missing_and_unexpected_are_listed(self) -> None:
        ours = network("agcn")
        state = official_agcn(literal_agcn(ours).state_dict())
        del state["l3.gcn1.PA"], state["l3.gcn1.conv_b.1.weight"]
        state["l11.gcn1.PA"] = torch.zeros(1)
        state["fc.bias"] = state["fc.bias"][:2]
        with pytest.raises(InputError) as caught:
            to_state_dict(state, ours, AGCN, "x.pt")
        text = str(caught.value)
        assert "2 missing: l3.gcn1.PA, l3.gcn1.conv_b.1.weight" in text
        assert "1 unexpected: l11.gcn1.PA" in text
        assert "1 of another shape: fc.bias (2,) for classifier.bias (5,)" in text

    def test_convolutions_that_do_not_go_together(self) -> None:
        ours = network("agcn")
        state = official_agcn(literal_agcn(ours).state_dict())
        state["l1.gcn1.conv_d.1.weight"] = torch.zeros(2, 3, 1, 1)
        with pytest.raises(InputError, match=r"1 of another shape: l1\.gcn1\.conv_d\.0\.weight .* and \(2, 3, 1, 1\)"):
            to_state_dict(state, ours, AGCN, "x.pt")

    def test_another_graph(self) -> None:
        ours = network("st_gcn")
        A = published.spatial_adjacency(layout("kinect20"), layout("kinect20").root)
        expect_same_graph(A, ours, "x.pt")
        other = published.spatial_adjacency(layout("kinect20"), 3)
        for graph in (other, A[:1]):
            with pytest.raises(InputError, match="trained on another graph"):
                expect_same_graph(graph, ours, "x.pt")

    @pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}, {"a": torch.zeros(1), "b": 2}])
    def test_no_state_dict(self, tmp_path: Path, content: object) -> None:
        torch.save(content, tmp_path / "x.pt")
        with pytest.raises(InputError, match="is no state dict"):
            read_published(tmp_path / "x.pt")
        (tmp_path / "x.pt").write_bytes(b"weights")
        with pytest.raises(InputError, match="not a readable file of weights"):
            read_published(tmp_path / "x.pt")


def test_no_published_weight_is_used_twice() -> None:
    for name, origin in (("agcn", AGCN), ("st_gcn", ST_GCN), ("ctr_gcn", CTR_GCN)):
        net = network(name)
        used = [each for key in net.state_dict() for each in origin.source_of(key).names]
        assert len(used) == len(set(used))
