"""The two programs of docs/own-data.md that feed `src/live.py` from a webcam, with stand-ins for the estimators."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.conftest import RunCommand
from tests.test_readme import blocks

from stgdn.data.batches.joint_map import JointMap
from stgdn.data.store.store import Store
from stgdn.inference.live.frames import parse_frame
from stgdn.skeleton import COCO17, MEDIAPIPE33, NTU25, Layout

PROGRAMS = {"mediapipe33": blocks("own-data.md", "python")[1], "coco17": blocks("own-data.md", "python")[2]}


def recorded(store: Store, layout: Layout) -> NDArray[np.float32]:
    """A clip's joints (M, T, V, 3) as an estimator finds them: shares of the picture from its corner, confidence."""
    joints = store.joints(0)[0][:40].astype(np.float32)
    seen, _ = JointMap(NTU25, layout)(joints, joints[:1], np.zeros(len(joints), np.int64))
    return np.stack([seen, seen + np.array([0.2, 0, 0], np.float32)]) + np.array([0.5, 0.5, -0.1], np.float32)


def module(monkeypatch: pytest.MonkeyPatch, name: str, **content: object) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(content)
    monkeypatch.setitem(sys.modules, name, made)
    return made


def stand_in_mediapipe(monkeypatch: pytest.MonkeyPatch, people: NDArray[np.float32]) -> None:
    frames = iter(range(people.shape[1]))

    class Camera:
        def __init__(self, number: int) -> None:
            assert number == 0

        def read(self) -> tuple[bool, int | None]:
            number = next(frames, None)
            return number is not None, number

    class Landmarker:
        def __enter__(self) -> "Landmarker":
            return self

        def __exit__(self, *_: object) -> None: ...

        @classmethod
        def create_from_options(cls, options: SimpleNamespace) -> "Landmarker":
            assert options.running_mode == "VIDEO"
            return cls()

        def detect_for_video(self, image: int, milliseconds: int) -> SimpleNamespace:
            assert milliseconds >= 0
            poses = [[SimpleNamespace(x=x, y=y, visibility=v) for x, y, v in body[image].tolist()] for body in people]
            return SimpleNamespace(pose_landmarks=poses)

    module(monkeypatch, "cv2", VideoCapture=Camera, cvtColor=lambda picture, _: picture, COLOR_BGR2RGB=4)
    image = SimpleNamespace(SRGB=1)
    module(monkeypatch, "mediapipe", Image=lambda image_format, data: data, ImageFormat=image)  # noqa: ARG005
    vision = SimpleNamespace(
        PoseLandmarkerOptions=SimpleNamespace, RunningMode=SimpleNamespace(VIDEO="VIDEO"), PoseLandmarker=Landmarker
    )
    module(monkeypatch, "mediapipe.tasks")
    module(monkeypatch, "mediapipe.tasks.python", BaseOptions=SimpleNamespace, vision=vision)


def stand_in_ultralytics(monkeypatch: pytest.MonkeyPatch, people: NDArray[np.float32]) -> None:
    class YOLO:
        def __init__(self, weights: str) -> None:
            assert weights.endswith("-pose.pt")

        def track(self, **options: Any) -> Iterator[SimpleNamespace]:  # noqa: ANN401
            assert options == {"source": 0, "stream": True, "verbose": False}
            for frame in torch.from_numpy(people).swapaxes(0, 1):
                points = SimpleNamespace(xyn=frame[..., :2], conf=frame[..., 2])
                yield SimpleNamespace(keypoints=points, boxes=SimpleNamespace(id=torch.tensor([3.0, 8.0])))
            yield SimpleNamespace(keypoints=None, boxes=SimpleNamespace(id=None))

    module(monkeypatch, "ultralytics", YOLO=YOLO)


@pytest.mark.parametrize(
    ("layout", "stand_in"),
    [(MEDIAPIPE33, stand_in_mediapipe), (COCO17, stand_in_ultralytics)],
    ids=["mediapipe", "yolo"],
)
def test_webcam(
    layout: Layout,
    stand_in: Any,  # noqa: ANN401
    tiny_store: Store,
    run: Path,
    run_command: RunCommand,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    people, program = recorded(tiny_store, layout), PROGRAMS[layout.name]
    assert len(program.splitlines()) <= 30
    with monkeypatch.context() as patched:
        stand_in(patched, people)
        exec(program, {})
    lines = capfd.readouterr().out.splitlines()
    for t in range(people.shape[1]):
        bodies = parse_frame(lines[t].encode(), layout)
        np.testing.assert_allclose(list(bodies.values()), people[:, t] - (0.5, 0.5, 0), atol=1e-5)
    assert all(json.loads(line)["bodies"] == [] for line in lines[people.shape[1] :])

    content = iter(["\n".join(lines).encode(), b""])
    with monkeypatch.context() as patched:
        patched.setattr(os, "read", lambda *_: next(content))
        done = run_command(
            "live", f"run={run}", "input=-", f"layout={layout.name}", "wait=true", "format=json", "fps=20"
        )
    assert done.code == 0, done.err
    decisions = [json.loads(line) for line in done.out.splitlines()]
    assert [decision["time"] for decision in decisions] == [0.5, 1.0, 1.5, 2.0]
    assert all(decision["label"] in tiny_store.header.classes and decision["people"] == 2 for decision in decisions)
    assert "skipped" not in done.err
