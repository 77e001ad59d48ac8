"""The plain implementations that figures are compared with compute the same as the fast ones."""

from pathlib import Path

import numpy as np
import pytest

from stgdn.benchmark.plain import plain_batch, plain_parse
from stgdn.data.batches.settings import ClipSettings
from stgdn.data.batches.transforms import batch
from stgdn.data.readers.ntu import ntu_text
from stgdn.data.store.store import Store

DRAWS = np.random.default_rng(0).random((12, 6))


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
    draws = DRAWS if training else None
    found = plain_batch(tiny_store, indices, how, draws)
    np.testing.assert_allclose(found, batch(tiny_store, indices, how, draws), atol=1e-5)


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
