"""The plain implementations compute the same as the fast ones; the table of their speeds."""

from pathlib import Path

import numpy as np
import pytest
from tests.benchmark.test_scale import table_rows
from tests.conftest import RunCommand

from stgdn.benchmark.plain import plain_batch, plain_parse
from stgdn.data.batches.settings import ClipSettings
from stgdn.data.batches.transforms import batch
from stgdn.data.readers.ntu import ntu_text
from stgdn.data.store.store import Store

RANDOM_NUMBERS = np.random.default_rng(0).random((12, 6))


@pytest.mark.parametrize(
    "how",
    [
        ClipSettings(frames=64, sampling="resize", crop=0.5, rotate=(15, 30, 15)),
        ClipSettings(frames=300),
        ClipSettings(frames=20, bodies=1),
    ],
    ids=str,
)
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_batches(tiny_store: Store, how: ClipSettings, training: bool) -> None:
    indices = np.random.default_rng(1).choice(len(tiny_store), 12)
    numbers = RANDOM_NUMBERS if training else None
    found = plain_batch(tiny_store, indices, how, numbers)
    np.testing.assert_allclose(found, batch(tiny_store, indices, how, numbers), atol=1e-5)


def test_parsing(tiny_data: Path) -> None:
    for path in sorted((tiny_data / "raw" / "demo").glob("*.skeleton"))[::20]:
        plain = plain_parse(path.read_text())
        fast = ntu_text.parse(path.read_bytes())
        bodies = [(t, body) for t, frame in enumerate(plain) for body in frame]
        assert [t for t, _ in bodies] == fast.frames.tolist()
        assert [body["id"].encode() for _, body in bodies] == list(fast.ids)
        joints = np.array([body["joints"] for _, body in bodies])
        assert joints.shape[1:] == (25, 12)
        np.testing.assert_allclose(fast.joints, joints[..., :3], rtol=1e-6)


def test_figures_are_printed_and_written_and_nothing_is_left(
    run_command: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stgdn.benchmark.feeding.SUBJECTS", (1,))  # a handful of files, prepared in this process
    monkeypatch.setattr("stgdn.benchmark.feeding.COPIES", 1)
    monkeypatch.setattr("stgdn.benchmark.feeding.available_cores", lambda: 1)
    page, folder = tmp_path / "page.md", tmp_path / "made"
    page.write_text("<!-- feeding -->\n<!-- end of feeding -->\n")
    folder.mkdir()
    outcome = run_command("benchmark", "clips=40", "rounds=1", f"write={page}", f"folder={folder}")
    assert outcome.code == 0, outcome.err
    assert not list(folder.iterdir())
    found = table_rows(page.read_text())
    assert len(found) == 7
    assert found == table_rows(outcome.out)
    for what, fast, beside, ratio in found:
        rates = [float(cell.split()[0].replace(",", "")) for cell in (fast, beside)]
        assert float(ratio) == pytest.approx(rates[0] / rates[1], rel=0.2, abs=0.005), what
