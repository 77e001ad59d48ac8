"""Exported networks: they compute what the trained ones do, say what they are, and are whole or not there."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file
from tests.conftest import RunCommand
from tests.inference.conftest import SHALLOW, MakeRun
from tests.model.test_fold import Gated, Louder, Scaled
from torch import Tensor

import stgdn
from stgdn.data.build import stored_data
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.export import formats
from stgdn.export.formats import folded_network, open_torch, trace
from stgdn.model.backbone import Backbone
from stgdn.model.block import BLOCKS, Filters

CTR_GCN = ("model=ctr_gcn", "model.channels=[32,64]", "model.strides=[1,2]")
ST_GCN_PP = ("model=st_gcn_pp", "model.channels=[64,64]", "model.strides=[1,2]")
TWO_LAYERS = ("model=agcn_7l", "model.channels=[8,8]", "model.strides=[1,2]")


def first_clips(run: Path, count: int = 6) -> Tensor:
    """The first test clips of a run, by its own data module."""
    config = OmegaConf.load(run / "config.yaml")
    batch = next(iter(stored_data(config).test_dataloader()))  # pyright: ignore[reportArgumentType]
    return batch["clips"][:count]


def scores_of(run: Path, clips: Tensor) -> np.ndarray:
    """Return the trained network's scores."""
    with torch.no_grad():
        return stgdn.load(run).network(clips).numpy()


class TestONNX:
    @pytest.mark.parametrize("options", [SHALLOW, CTR_GCN, ST_GCN_PP], ids=["st_gdn", "ctr_gcn", "st_gcn_pp"])
    def test_other_programs_get_scores_and_metadata(
        self, run_command: RunCommand, make_run: MakeRun, tiny_store: Store, options: tuple[str, ...]
    ) -> None:
        run = make_run(*options)
        outcome = run_command("export", f"run={run}", "clips=20", "batch_size=2", "write=deep/net.onnx")
        assert outcome.code == 0, outcome.err
        assert outcome.err == ""
        assert "20 test clips" in outcome.out
        assert "ONNX Runtime" in outcome.out
        assert [path.name for path in Path("deep").iterdir()] == ["net.onnx"]
        model = onnx.load("deep/net.onnx")
        onnx.checker.check_model(model)
        assert [each.version for each in model.opset_import if not each.domain] == [18]
        assert not [part.name for part in model.graph.initializer if "running" in part.name]
        session = onnxruntime.InferenceSession("deep/net.onnx")
        assert session.get_inputs()[0].shape[1:] == [3, 16, 25, 2]
        assert isinstance(session.get_inputs()[0].shape[0], str)
        clips = first_clips(run)
        for part in (clips[:1], clips[:2], clips):
            (found,) = session.run(None, {"clips": part.numpy()})
            np.testing.assert_allclose(np.asarray(found), scores_of(run, part), atol=1e-4)
        metadata = session.get_modelmeta().custom_metadata_map
        assert json.loads(metadata["classes"]) == tiny_store.header.classes
        assert json.loads(metadata["clip_shape"]) == {"C": 3, "T": 16, "V": 25, "M": 2}
        assert metadata["stream"] == "joint"
        assert json.loads(metadata["layout"])["joints"][0] == "spine_base"
        assert json.loads(metadata["preprocessing"])["frames"] == 16
        assert str(run.parent) not in str(metadata)

    def test_missing_packages_get_a_sentence(
        self, run_command: RunCommand, run: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(formats, "find_spec", lambda name: None if name == "onnxruntime" else object())
        outcome = run_command("export", f"run={run}")
        assert outcome.code == 1
        assert "needs onnxruntime: type `pip install -e '.[export]'`" in outcome.err


class TestTorchExport:
    def test_a_graph_for_any_batch_with_its_metadata(self, run_command: RunCommand, make_run: MakeRun) -> None:
        run = make_run(*SHALLOW)
        outcome = run_command("export", f"run={run}", "format=torch_export", "clips=4", "batch_size=2")
        assert outcome.code == 0, outcome.err
        (path,) = Path("exports").iterdir()
        assert path.name == "demo-st_gdn-joint-seed1.pt2"
        extra = {"config.json": ""}
        program = torch.export.load(path, extra_files=extra)
        assert json.loads(extra["config.json"])["folded"] is True
        clips = first_clips(run)
        for part in (clips[:1], clips):
            np.testing.assert_allclose(program.module()(part).detach(), scores_of(run, part), atol=1e-4)
        assert not [name for name in program.state_dict if "running" in name]

    @pytest.mark.parametrize(
        "options",
        [
            [*TWO_LAYERS, "model.empty_bodies=masked"],
            ["model=st_gcn"],
            [*CTR_GCN],
            [*TWO_LAYERS, "model.blocks=gdn_c"],
            [*TWO_LAYERS, "model.blocks=[st_gcn,gcn]", "model.whiten=node+frame"],
        ],
        ids=str,
    )
    def test_other_networks(self, make_run: MakeRun, options: list[str]) -> None:
        run = make_run(*options)
        clips = first_clips(run).clone()
        clips[1] = 0  # nobody
        clips[2, ..., 0] = 0  # only the second body
        with torch.no_grad():
            found = trace(stgdn.load(run)).module()(clips)
        np.testing.assert_allclose(found, scores_of(run, clips), atol=1e-4)

    def test_filters_of_a_user(
        self, run_command: RunCommand, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(BLOCKS, "own", Filters(Gated, Scaled))
        monkeypatch.setitem(BLOCKS, "louder", Filters(Louder, Scaled))
        run = make_run(*TWO_LAYERS, "model.blocks=[gdcn,own]", name="own")
        outcome = run_command("export", f"run={run}", "format=torch_export", "clips=4", "batch_size=2", "write=own.pt2")
        assert outcome.code == 0, outcome.err
        clips = first_clips(run)
        with torch.no_grad():
            np.testing.assert_allclose(open_torch(Path("own.pt2"))(clips), scores_of(run, clips), atol=1e-4)
        run = make_run(*TWO_LAYERS, "model.blocks=[gdcn,louder]", name="louder")
        outcome = run_command("export", f"run={run}", "format=torch_export", "write=louder.pt2")
        assert outcome.code == 1
        assert "Louder cannot be folded" in outcome.err
        assert len(outcome.err.splitlines()) == 1

    def test_statistics_of_every_clip_cannot_be_folded(self, run_command: RunCommand, make_run: MakeRun) -> None:
        run = make_run("model.whitening.statistics=instance")
        outcome = run_command("export", f"run={run}", "format=torch_export")
        assert outcome.code == 1
        assert "cannot be folded" in outcome.err
        assert not list(Path().rglob("*.pt2"))


class TestSafetensors:
    @pytest.mark.parametrize("inference", [False, True])
    def test_a_folder_that_load_takes(self, run_command: RunCommand, run: Path, *, inference: bool) -> None:
        options = ("format=safetensors", "write=made", "clips=4", "batch_size=2", f"folded={str(inference).lower()}")
        outcome = run_command("export", f"run={run}", *options)
        assert outcome.code == 0, outcome.err
        assert sorted(path.name for path in Path("made").iterdir()) == ["README.md", "config.json", "model.safetensors"]
        made, original = stgdn.load("made"), stgdn.load(run)
        clip = np.random.default_rng(0).normal(0, 0.3, (1, 20, 25, 3))
        np.testing.assert_allclose(made.scores([clip]), original.scores([clip]), atol=1e-4)
        assert (made.classes, made.stream, made.epoch) == (original.classes, original.stream, original.epoch)
        assert made.finished
        assert made.median_frames == original.median_frames
        assert f"{made.median_frames} frames (median)" in Path("made/README.md").read_text()
        assert stgdn.load("made/model.safetensors").classes == made.classes
        names = load_file("made/model.safetensors").keys()
        assert any("running" in name for name in names) != inference
        content = Path("made/config.json").read_text() + Path("made/README.md").read_text()
        assert str(run.parent) not in content

    def test_weights_can_be_trained_on(self, run_command: RunCommand, run: Path) -> None:
        assert run_command("export", f"run={run}", "format=safetensors", "write=made", "clips=1").code == 0
        weights = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        found = load_file("made/model.safetensors")
        assert found.keys() == {name.removeprefix("network.") for name in weights}
        assert all(torch.equal(tensor, weights[f"network.{name}"]) for name, tensor in found.items())

    @pytest.mark.usefixtures("trained")
    def test_the_card_says_what_is_known(self, run_command: RunCommand) -> None:
        (summary,) = Path("outputs").rglob("summary.json")
        stored = json.loads(summary.read_text())
        assert run_command("export", f"run={summary.parent}", "format=safetensors", "write=made").code == 0
        card = Path("made/README.md").read_text()
        assert f"Top-1 {stored['test_top1']:.1f} %" in card
        assert stored["command"] in card
        assert "synthetic people" in card
        assert f"{stored['parameters']:,}" in card
        assert "seed 1" in card
        assert "of the data: MIT, as this suite" in card
        again = run_command("export", "run=made", "format=safetensors", "write=again", "folded=true")  # from a folder
        assert again.code == 0, again.err
        assert "store is not there" in again.err
        assert f"Top-1 {stored['test_top1']:.1f} %" in Path("again/README.md").read_text()
        inner = stgdn.load("again").network
        assert folded_network(stgdn.load("again")).state_dict().keys() == inner.state_dict().keys()  # not a second time
        shutil.rmtree("made")
        summary.write_text(json.dumps(stored | {"epochs": 7}))  # of another epoch than the checkpoint
        assert run_command("export", f"run={summary.parent}", "format=safetensors", "write=made").code == 0
        assert "Not measured" in Path("made/README.md").read_text()

    @pytest.mark.parametrize(
        ("options", "message"),
        [(["data.licence=CC BY 4.0"], "of the data: CC BY 4.0"), (["data.licence=null"], "none is known to the suite")],
    )
    def test_the_card_says_the_licence_that_was_given(
        self, run_command: RunCommand, make_run: MakeRun, options: list[str], message: str
    ) -> None:
        assert (
            run_command("export", f"run={make_run(*options)}", "format=safetensors", "write=made", "clips=1").code == 0
        )
        assert message in Path("made/README.md").read_text()

    def test_damaged_folders_get_a_sentence(self, run_command: RunCommand, run: Path) -> None:
        assert run_command("export", f"run={run}", "format=safetensors", "write=made", "clips=1").code == 0
        good = Path("made/config.json").read_text()
        for content, message in (("{", "no readable config.json"), ("[]", "has no 'config'")):
            Path("made/config.json").write_text(content)
            with pytest.raises(InputError, match=message):
                stgdn.load("made")
        Path("made/config.json").write_text(good)
        weights = load_file("made/model.safetensors")
        save_file({**weights, "classifier.bias": torch.zeros(3)}, "made/model.safetensors")
        with pytest.raises(InputError, match=r"made/model\.safetensors is damaged: its checksum does not match"):
            stgdn.load("made")
        Path("made/config.json").write_text(json.dumps({**json.loads(good), "checksums": {}}))  # as before checksums
        with pytest.raises(InputError, match=r"classifier\.bias \(\(3,\) in the file"):
            stgdn.load("made")
        Path("made/model.safetensors").write_bytes(b"\x80\x04pickle")
        with pytest.raises(InputError, match="not a readable file of weights"):
            stgdn.load("made")


def test_an_exported_graph_computes_every_body(make_run: MakeRun) -> None:
    run = make_run(*SHALLOW)
    network, clips = stgdn.load(run), first_clips(run)
    with torch.no_grad():
        folded = folded_network(network)
        assert isinstance(folded, Backbone)
        expected = Backbone.forward(folded, clips)
        torch.testing.assert_close(trace(network).module()(clips), expected, atol=1e-5, rtol=0)
        np.testing.assert_allclose(expected, scores_of(run, clips), atol=1e-4)
