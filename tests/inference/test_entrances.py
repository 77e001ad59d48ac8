"""One recording through every entrance: files of all formats, arrays, frames and lines of JSON get the same scores."""

import json
import shlex
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.data.readers.pyskl.test_pyskl_reader import deep, write
from tests.data.readers.test_kinetics import clip_text, person
from tests.data.recordings import raw
from tests.inference.conftest import MakeRun

import stgdn
from stgdn.cli.notebooks import compose_config
from stgdn.data.batches.settings import ClipSettings
from stgdn.data.build import prepare_data
from stgdn.data.clip import UNKNOWN, Clip, ClipFile
from stgdn.data.readers.detect import Expected
from stgdn.data.readers.find_clips import find_clips, read_clip
from stgdn.data.readers.kinetics import KineticsReader
from stgdn.data.store.store import Store
from stgdn.export.formats import open_onnx, write_onnx
from stgdn.inference.classifier import TrainedNetwork
from stgdn.inference.live.frames import JsonFrames
from stgdn.inference.live.window import People, SlidingClassifier
from stgdn.inference.predictions import predict
from stgdn.inference.preprocessing import Preprocessing
from stgdn.skeleton import OPENPOSE18, Layout

Float = NDArray[np.float32]
Recording = list[dict[int, Float]]  # joints (V, C) of everybody in a frame, by their ids
Entrance = Callable[[TrainedNetwork, Recording, Path], Float]


def as_array(recording: Recording, layout: Layout) -> Float:
    """(M, T, V, C) with zeros where an id is not seen."""
    ids = list(dict.fromkeys(name for people in recording for name in people))
    nobody = np.zeros((layout.num_joints, layout.channels), np.float32)
    return np.stack([[people.get(name, nobody) for people in recording] for name in ids])


def by_array(network: TrainedNetwork, recording: Recording, folder: Path) -> Float:  # noqa: ARG001
    return network.probabilities([as_array(recording, network.layout)])[0]


def by_onnx(network: TrainedNetwork, recording: Recording, folder: Path) -> Float:
    write_onnx(network, folder / "network.onnx")
    clips = network.inputs([as_array(recording, network.layout)])  # as docs/export.md says
    scores = open_onnx(folder / "network.onnx")(clips)
    return scores.softmax(dim=1).numpy()[0]


def by_file(network: TrainedNetwork, path: Path) -> Float:
    predictions = predict(network, str(path))
    assert not predictions.unusable
    return predictions.clips[0].probabilities


def by_npz(network: TrainedNetwork, recording: Recording, folder: Path) -> Float:
    np.savez(folder / "clip.npz", joints=as_array(recording, network.layout))
    return by_file(network, folder / "clip.npz")


def by_csv(network: TrainedNetwork, recording: Recording, folder: Path) -> Float:
    columns = [f"{joint}_{axis}" for joint in network.layout.joints for axis in "xyz"]
    lines = [",".join(["frame", "body", *columns])]
    for frame, people in enumerate(recording, 1):
        lines += [",".join(map(str, [frame, name, *joints.ravel().tolist()])) for name, joints in people.items()]
    (folder / "clip.csv").write_text("\n".join(lines))
    return by_file(network, folder / "clip.csv")


def by_skeleton(network: TrainedNetwork, recording: Recording, folder: Path) -> Float:
    frames = [[(str(name), joints.astype(np.float64)) for name, joints in people.items()] for people in recording]
    (folder / "clip.skeleton").write_bytes(raw(frames))
    return by_file(network, folder / "clip.skeleton")


def by_pickle(network: TrainedNetwork, recording: Recording, folder: Path) -> Float:
    joints = as_array(recording, network.layout)
    return by_file(network, write(folder, [deep(T=len(recording), keypoint=joints)]))


def by_frames(network: TrainedNetwork, recording: Sequence[People], folder: Path) -> Float:  # noqa: ARG001
    live = SlidingClassifier(network, fps=1, window=len(recording), every=len(recording))
    decision = [live(people) for people in recording][-1]
    assert decision is not None
    assert decision.probabilities is not None
    return decision.probabilities


def by_lines(network: TrainedNetwork, recording: Recording, folder: Path) -> Float:
    lines = (
        {"bodies": [{"id": name, "joints": joints.tolist()} for name, joints in people.items()]} for people in recording
    )
    frames = JsonFrames([(json.dumps(line) + "\n").encode() for line in lines], network.layout)
    return by_frames(network, list(frames), folder)


ENTRANCES: list[Entrance] = [by_array, by_npz, by_csv, by_skeleton, by_pickle, by_frames, by_lines]


def alone(store: Store, index: int = 0) -> list[Float]:
    """The poses of a person who is seen alone, from the first frame to the last."""
    single = np.flatnonzero(((store.clips["frames"] > 0).sum(axis=1) == 1) & (store.clips["frames"][:, 0] > 30))
    return list(store.joints(int(single[index]))[0])


def expected(network: TrainedNetwork, poses: list[Float]) -> Float:
    """Return the network's probabilities for a person in all of these frames."""
    joints = np.stack(poses)[None]
    return network.probabilities([Clip("", UNKNOWN, joints, np.ones(joints.shape[:2], np.bool_))])[0]


def empty(recording: Recording, where: str) -> Recording:
    """The recording with frames in which nobody is seen."""
    half = len(recording) // 2
    nobody: Recording = [{} for _ in range(12)]
    match where:
        case "before":
            return nobody + recording
        case "between":
            return recording[:half] + nobody + recording[half:]
        case "after":
            return recording + nobody
    return nobody[:3] + recording[:half] + nobody[:5] + recording[half:] + nobody


@pytest.fixture
def network(run: Path) -> TrainedNetwork:
    return stgdn.load(run)


def test_scores_tell_clips_apart(network: TrainedNetwork, tiny_store: Store) -> None:
    poses = alone(tiny_store)
    zeros = [np.zeros_like(poses[0])] * 12
    told = [expected(network, each) for each in (poses, zeros + poses, poses + zeros, alone(tiny_store, 5))]
    assert all(np.abs(told[0] - other).max() > 1e-3 for other in told[1:])


@pytest.mark.parametrize("where", ["before", "between", "after", "everywhere"])
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_frames_in_which_nobody_is_seen_change_nothing(
    network: TrainedNetwork, tiny_store: Store, tmp_path: Path, entrance: Entrance, where: str
) -> None:
    poses = alone(tiny_store)
    found = entrance(network, empty([{7: pose} for pose in poses], where), tmp_path)
    np.testing.assert_allclose(found, expected(network, poses), atol=1e-5)


@pytest.mark.parametrize("where", ["", "between"])
@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("bodies", [1, 2])
def test_a_new_id_half_way_is_the_same_person(
    make_run: MakeRun, tiny_store: Store, tmp_path: Path, entrance: Entrance, where: str, bodies: int
) -> None:
    network = stgdn.load(make_run(f"data.bodies={bodies}", "data.reader.max_bodies=2"))
    poses, half = alone(tiny_store), len(alone(tiny_store)) // 2
    recording = [{1 if frame < half else 2: pose} for frame, pose in enumerate(poses)]
    found = entrance(network, empty(recording, where) if where else recording, tmp_path)
    np.testing.assert_allclose(found, expected(network, poses), atol=1e-5)


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_two_people_the_most_active_first_their_gaps_filled(
    network: TrainedNetwork, tiny_store: Store, tmp_path: Path, entrance: Entrance
) -> None:
    still, moving = np.stack(alone(tiny_store))[:30].copy(), np.stack(alone(tiny_store, 3))[:30] + np.float32(1.5)
    still[:] = still[:1] + 0.001 * np.arange(30, dtype=np.float32)[:, None, None]
    recording = [{1: one, 2: other} for one, other in zip(still, moving, strict=True)]
    for frame in (10, 11, 12, 20):
        del recording[frame][2]  # a gap of a person while the other is seen, and one while nobody is
    recording[20] = {}
    seen = [frame for frame in range(30) if frame != 20]
    filled = moving.copy()
    for frame in (10, 11, 12):
        filled[frame] = moving[9] + np.float32((frame - 9) / 4) * (moving[13] - moving[9])
    joints = np.stack([filled[seen], still[seen]])
    clip = Clip("", UNKNOWN, joints, np.ones(joints.shape[:2], np.bool_))
    found = entrance(network, recording, tmp_path)
    np.testing.assert_allclose(found, network.probabilities([clip])[0], atol=1e-5)


@pytest.mark.parametrize("entrance", [by_array, by_npz, by_csv, by_frames, by_lines])
def test_who_comes_elsewhere_is_somebody_else(
    network: TrainedNetwork, tiny_store: Store, tmp_path: Path, entrance: Entrance
) -> None:
    poses = np.stack(alone(tiny_store))
    half = len(poses) // 2
    recording = [{1: pose} if frame < half else {2: pose + np.float32(2)} for frame, pose in enumerate(poses)]
    joints = np.zeros((2, *poses.shape), np.float32)
    joints[0, :half], joints[1, half:] = poses[:half], poses[half:] + np.float32(2)
    clips = [Clip("", UNKNOWN, both, np.asarray(both.any(axis=(2, 3)))) for both in (joints, joints[::-1].copy())]
    found = entrance(network, recording, tmp_path)
    assert any(np.allclose(found, network.probabilities([clip])[0], atol=1e-5) for clip in clips)


def test_inputs_of_exported_graphs_are_made_alike(make_run: MakeRun, tiny_store: Store, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="pip install -e '.[export]'")
    network = stgdn.load(make_run("model.channels=[8,8]", "model.strides=[1,2]", "model.blocks=gdcn"))
    poses = alone(tiny_store)
    recording = empty([{1 if frame < 20 else 2: pose} for frame, pose in enumerate(poses)], "everywhere")
    np.testing.assert_allclose(by_onnx(network, recording, tmp_path), expected(network, poses), atol=1e-4)


def test_a_window_in_which_nobody_is_seen_decides_nothing(network: TrainedNetwork, tiny_store: Store) -> None:
    poses = alone(tiny_store)[:8]
    live = SlidingClassifier(network, fps=1, window=4, every=4)
    recording: Recording = [*({1: pose} for pose in poses[:4]), *({} for _ in range(4)), *({2: p} for p in poses[4:])]
    made = [decision for people in recording if (decision := live(people))]
    assert [decision.people for decision in made] == [1, 0, 1]
    assert made[1].label is None
    assert made[1].probabilities is None


def nw_ucla(folder: Path) -> tuple[str, ...]:
    """Return options for the clips in `some` and their store."""
    return ("data=nw_ucla", f"data.source={folder}/some", f"data.store={folder}/store")


@pytest.fixture(scope="module")
def prepared(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a few clips of NW-UCLA in `some`, and their store."""
    folder = tmp_path_factory.mktemp("nw_ucla")
    with zipfile.ZipFile(shared_data / "NW-UCLA.zip") as archive:
        members = [name for name in archive.namelist() if "_s01_e00" in name and name.endswith(".json")]
        archive.extractall(folder / "some", members)
    prepare_data(compose_config("prepare", *nw_ucla(folder), "workers=1"))
    return folder


class TestNWUCLA:
    @pytest.fixture
    def network(self, prepared: Path, make_run: MakeRun) -> TrainedNetwork:
        """Of random weights, for NW-UCLA's joints."""
        return stgdn.load(make_run(*nw_ucla(prepared)))

    @pytest.mark.parametrize("where", ["before", "between", "after", "everywhere"])
    def test_a_real_clip(self, network: TrainedNetwork, prepared: Path, tmp_path: Path, where: str) -> None:
        path = sorted((prepared / "some").rglob("a05_*v03.json"))[0]
        content = json.loads(path.read_text())
        whole = by_file(network, path)
        poses = [np.array(pose, np.float32) for pose in content["skeletons"]]
        np.testing.assert_allclose(whole, expected(network, poses), atol=1e-5)
        recording = empty([{1: pose} for pose in poses], where)
        content["skeletons"] = as_array(recording, network.layout)[0].tolist()
        (tmp_path / path.name).write_text(json.dumps(content))
        np.testing.assert_allclose(by_file(network, tmp_path / path.name), whole, atol=1e-5)
        for entrance in (by_array, by_npz, by_csv, by_frames, by_lines):
            np.testing.assert_allclose(entrance(network, recording, tmp_path), whole, atol=1e-5)
            if where == "everywhere":
                switched = [
                    {name + (t > len(recording) / 2): p for name, p in f.items()} for t, f in enumerate(recording)
                ]
                np.testing.assert_allclose(entrance(network, switched, tmp_path), whole, atol=1e-5)


class TestKinetics:
    """Its clips hold the frames in which nobody is seen, so a network that was trained on them sees them everywhere."""

    FRAMES = ([], [person(0.3)], [person(0.31)], [], [], [person(0.33)], [])

    def test_a_network_of_kinetics(self, tmp_path: Path) -> None:
        made = Preprocessing(OPENPOSE18, OPENPOSE18, ClipSettings(frames=7), empty_frames=True)
        (tmp_path / "clip.json").write_bytes(clip_text(*self.FRAMES))
        whole = KineticsReader("").read_unlabelled(ClipFile("clip", str(tmp_path / "clip.json")))
        clip, joints = made([whole]), whole.joints
        array = np.zeros((1, 7, 18, 3), np.float32)
        array[0, [1, 2, 5]] = joints[0, [1, 2, 5]]
        np.testing.assert_allclose(made([array]), clip, atol=1e-6)
        shares = array.copy()
        shares[..., :2] += 0.5
        shares[array[..., 2] == 0] = 0
        np.savez(tmp_path / "clip.npz", joints=shares)
        expected = Expected(OPENPOSE18, ("a", "b"), 2, {}, empty_frames=True)  # pyright: ignore[reportArgumentType]
        ((source, file),) = find_clips(str(tmp_path / "clip.npz"), "auto", expected).files()
        np.testing.assert_allclose(made([read_clip(source, file)]), clip, atol=1e-6)

    def test_a_network_of_other_data(self, tmp_path: Path) -> None:
        made = Preprocessing(OPENPOSE18, OPENPOSE18, ClipSettings(frames=7))
        (tmp_path / "clip.json").write_bytes(clip_text(*self.FRAMES))
        expected = Expected(OPENPOSE18, ("a", "b"), 2, {}, empty_frames=False)  # pyright: ignore[reportArgumentType]
        ((source, file),) = find_clips(str(tmp_path / "clip.json"), "auto", expected).files()
        clip = read_clip(source, file)
        assert clip.present.tolist() == [[True] * 5]
        whole = KineticsReader("").read_unlabelled(file)
        np.testing.assert_array_equal(clip.joints, whole.joints[:, whole.present[0]])
        assert made([clip]).shape == (1, 3, 7, 18, 2)


class TestLongRecordings:
    def live(self, sentence: str) -> list[str]:
        """The arguments of the command that a sentence names."""
        command = shlex.split(sentence.split("`")[1])
        assert command[:2] == ["python", "src/live.py"]
        return command[2:]

    def test_are_told_with_a_command_that_works(
        self, run_command: Callable, run: Path, tiny_store: Store, tmp_path: Path
    ) -> None:
        median = stgdn.load(run).median_frames or 0
        training = tiny_store.clips["length"][tiny_store.split("ntu60_xsub").train]
        assert median == round(float(np.median(training)))
        poses = np.stack(alone(tiny_store))
        pose = poses[np.abs(np.arange(2 * median + 1) % (2 * len(poses) - 2) - len(poses) + 1)]
        np.savez(tmp_path / "just, not.npz", joints=pose[None, : 2 * median])
        np.savez(tmp_path / "it's long.npz", joints=1000 * pose[None])
        outcome = run_command("predict", f"run={run}", f"clips='{tmp_path}/just*.npz'")
        assert (outcome.code, outcome.err) == (0, "")
        outcome = run_command("predict", f"run={run}", f"clips='{tmp_path}/*long.npz'", "scale=0.001", "top=1")
        assert outcome.code == 0, outcome.err
        (told,) = outcome.err.splitlines()
        assert told.startswith(f"note: it's long: {2 * median + 1} frames, clips of training had {median} (median); ")
        arguments = self.live(told)
        assert arguments[:2] == [f"run={run}", "scale=0.001"]
        assert arguments[-1] == "pace=fast"
        outcome = run_command("live", *arguments, "format=json")
        assert outcome.code == 0, outcome.err
        assert len(outcome.out.splitlines()) == (2 * median + 1) // 15
        assert f"note: {2 * median + 1} frames" in outcome.err

    def test_in_python_the_command_names_the_checkpoint(
        self, network: TrainedNetwork, tiny_store: Store, tmp_path: Path
    ) -> None:
        poses = alone(tiny_store)
        np.savez(tmp_path / "long.npz", joints=np.tile(poses, (6, 1, 1)))
        remarks: list[str] = []
        predict(network, str(tmp_path / "long.npz"), remark=remarks.append)
        (told,) = remarks
        assert self.live(told) == [f"run={network.checkpoint}", f"input={tmp_path / 'long.npz'}", "pace=fast"]

    def test_nothing_is_said_by_older_runs(self, network: TrainedNetwork, tiny_store: Store, tmp_path: Path) -> None:
        del network.config.data["median_frames"]
        np.savez(tmp_path / "long.npz", joints=np.tile(alone(tiny_store), (6, 1, 1)))
        remarks: list[str] = []
        predict(network, str(tmp_path / "long.npz"), remark=remarks.append)
        assert remarks == []
