import json
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from stgdn.data.synthetic import demo_set
from stgdn.data.synthetic.demo_set import CAMERAS, DEMO_ACTIONS, DEMO_SUBJECTS, MANIFEST, view, write_demo
from stgdn.data.synthetic.people import perform, setup_of
from stgdn.errors import InputError

TWO_PEOPLE = (50, 58, 59, 60)
XSUB_TRAINING = {1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38}

Body = tuple[int, np.ndarray]  # id, joints (25, 12)


def parse(path: Path) -> list[list[Body]]:
    """The bodies of every frame, read line by line as the raw format is described."""
    lines: Iterator[str] = iter(path.read_text(encoding="ascii").splitlines())
    frames = []
    for _ in range(int(next(lines))):
        bodies = []
        for _ in range(int(next(lines))):
            about = next(lines).split()
            assert len(about) == 10
            assert int(next(lines)) == 25
            joints = [[float(value) for value in next(lines).split()] for _ in range(25)]
            assert {len(row) for row in joints} == {12}
            bodies.append((int(about[0]), np.array(joints)))
        frames.append(bodies)
    assert next(lines, None) is None
    return frames


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "demo"
    write_demo(folder, subjects=(1, 3, 7), replications=1)
    return folder


@pytest.fixture(scope="module")
def clips(demo: Path) -> dict[str, list[list[Body]]]:
    return {path.stem: parse(path) for path in sorted(demo.glob("*.skeleton"))}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.skeleton")}


def test_a_performance_seen_by_three_cameras_is_three_clips(demo: Path) -> None:
    names = {path.stem for path in demo.glob("*.skeleton")}
    assert names == {
        f"S{setup_of(subject):03}C{camera:03}P{subject:03}R001A{action:03}"
        for subject, camera, action in product((1, 3, 7), CAMERAS, DEMO_ACTIONS)
    }
    manifest = json.loads((demo / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["what"] == "synthetic: these people do not exist"
    assert manifest["clips"] == len(names)


def test_default_set_has_both_sides_of_the_cross_subject_split() -> None:
    assert len(DEMO_ACTIONS) >= 12
    training = XSUB_TRAINING & set(DEMO_SUBJECTS)
    assert 0.6 <= len(training) / len(DEMO_SUBJECTS) <= 0.75


def test_same_seed_same_bytes_whatever_else_is_written(demo: Path, tmp_path: Path) -> None:
    write = partial(write_demo, subjects=(7, 1), replications=1, actions=(58, 1))
    write(tmp_path / "again")
    write(tmp_path / "other", seed=2)
    again, other, whole = contents(tmp_path / "again"), contents(tmp_path / "other"), contents(demo)
    assert len(again) == 12
    assert again == {name: whole[name] for name in again}
    assert again.keys() == other.keys()
    assert all(again[name] != other[name] for name in again)


def test_values_are_plausible(clips: dict[str, list[list[Body]]]) -> None:
    for frames in clips.values():
        assert 20 <= len(frames) <= 130
        bodies = [body for frame in frames for body in frame]
        joints = np.stack([joints for _, joints in bodies])
        assert np.isfinite(joints).all()
        assert np.abs(joints[..., :2]).max() < 4
        assert np.all((joints[..., 2] > 0.8) & (joints[..., 2] < 8))
        assert np.isin(joints[..., 11], (0, 1, 2)).all()
        assert all(17 <= len(str(identity)) <= 19 for identity, _ in bodies)


def test_blemishes_occur_but_not_everywhere(clips: dict[str, list[list[Body]]]) -> None:
    empty, spurious, inferred, lost = [], [], [], []
    for name, frames in clips.items():
        people = 2 if int(name[-3:]) in TWO_PEOPLE else 1
        states = np.concatenate([joints[:, 11] for frame in frames for _, joints in frame])
        empty.append(any(not frame for frame in frames))
        spurious.append(max(map(len, frames)) > people)
        inferred.append(np.mean(states == 1))
        lost.append(bool(np.any(states == 0)))
    for seen in (empty, spurious, lost):
        assert 0 < np.mean(seen) < 0.7
    assert 0.005 < np.mean(inferred) < 0.3


def test_ids_change_and_orders_swap_in_some_clips(clips: dict[str, list[list[Body]]]) -> None:
    def ids(frames: list[list[Body]]) -> set[tuple[int, ...]]:
        return {tuple(identity for identity, _ in frame) for frame in frames}

    singles = [ids(frames) for name, frames in clips.items() if max(map(len, frames)) == 1]
    assert 0 < np.mean([len(seen - {()}) > 1 for seen in singles]) < 0.5
    swapped = [any(order[::-1] in seen for order in seen if len(order) == 2) for seen in map(ids, clips.values())]
    assert 0 < np.mean(swapped) < 0.5


def test_cameras_see_the_same_performance() -> None:
    world = perform(24, 5)
    views = [view(world, setup_of(5), camera).reshape(-1, 3) for camera in CAMERAS]
    for seen in views:
        # Best rigid transform to camera 1 (Kabsch) leaves nothing over, and is no reflection.
        a, b = seen - seen.mean(0), views[0] - views[0].mean(0)
        left, _, right = np.linalg.svd(a.T @ b)
        np.testing.assert_allclose(a @ (left @ right), b, atol=1e-9)
        assert np.linalg.det(left @ right) == pytest.approx(1)
    assert np.abs(views[0] - views[1]).max() > 0.3


def test_the_actor_of_camera_coordinates_stands_upright_and_is_no_mirror_image() -> None:
    for camera in CAMERAS:
        joints = view(perform(1, 1), setup_of(1), camera)[0, 0]
        up = joints[3] - joints[0]
        assert up[1] > 0.9 * np.linalg.norm(up)
        forward = joints[[15, 19]].mean(0) - joints[[14, 18]].mean(0)
        to_the_left = joints[4] - joints[8]
        assert np.linalg.det(np.stack([to_the_left, up, forward])) > 0


def test_a_finished_set_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "demo"
    write = partial(write_demo, subjects=(1,), replications=1, actions=(1, 8))
    assert write(folder) == len(list(folder.glob("*.skeleton"))) == 6
    (folder / "note.txt").touch()
    monkeypatch.setattr(demo_set, "perform", lambda *_: pytest.fail("written again"))
    assert write(folder) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_a_folder_with_other_content_is_refused(tmp_path: Path) -> None:
    write = partial(write_demo, subjects=(1,), replications=1, actions=(1,))
    write(tmp_path / "demo")
    with pytest.raises(InputError, match="other content"):
        write(tmp_path / "demo", seed=2)
    next((tmp_path / "demo").glob("*.skeleton")).unlink()
    with pytest.raises(InputError, match="other content"):
        write(tmp_path / "demo")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="other content"):
        write(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_an_interrupted_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = list[int]()

    def stop_at_the_second(*arguments: int) -> np.ndarray:
        written.append(len(list(tmp_path.rglob("*.skeleton"))))
        if len(written) == 2:
            raise KeyboardInterrupt
        return perform(*arguments)

    monkeypatch.setattr(demo_set, "perform", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path / "demo", subjects=(1,), replications=1, actions=(1, 8))
    assert written == [0, 3]
    assert not list(tmp_path.iterdir())


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"action 5, there are: 1, 6, 7"):
        write_demo(tmp_path / "demo", actions=(1, 5))
    with pytest.raises(InputError, match="different subjects"):
        write_demo(tmp_path / "demo", subjects=(1, 1))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write the synthetic set"):
        write_demo(tmp_path / "file" / "demo", subjects=(1,), replications=1, actions=(1,))
