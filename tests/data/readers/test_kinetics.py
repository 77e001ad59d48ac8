"""Kinetics-Skeleton: folders written here as the release has them, and three released clips where they are at hand."""

import json
import pickle
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stgdn.data.batches.transforms import STREAMS, ClipSettings, batch
from stgdn.data.clip import Clip, ClipError, ClipFile, Reader, valid_runs
from stgdn.data.protocols import COUNTS, split_clips
from stgdn.data.readers import kinetics
from stgdn.data.readers.kinetics import KineticsReader
from stgdn.data.readers.pose_tracking import GAP, GATE, LISTED, keep_most_confident, rank, track
from stgdn.data.store.parse import read_checked
from stgdn.data.store.prepare import prepare
from stgdn.errors import InputError
from stgdn.skeleton import OPENPOSE18

SAMPLES = ("__PYrzYbzKE", "__u6odV5hrI", "__vzEs2wzdQ")
NAME, LABEL = "abc_-9", 207
POSE = np.random.default_rng(0).uniform(-0.05, 0.05, (18, 2))

Person = dict[str, list[float]]


def person(x: float, y: float = 0.5, score: float = 0.8) -> Person:
    """Somebody whose joints have their mean at x, y."""
    pose = POSE - POSE.mean(axis=0) + (x, y)
    return {"pose": pose.ravel().tolist(), "score": [score] * 18}


def clip_text(*frames: Sequence[Any], label: object = LABEL, first: int = 1, name: str = "parkour") -> bytes:
    data = [{"frame_index": number, "skeleton": list(people)} for number, people in enumerate(frames, first)]
    return json.dumps({"data": data, "label": name, "label_index": label}).encode()


def without(key: str) -> bytes:
    return clip_text([{k: v for k, v in person(0.5).items() if k != key}])


def facts(label: object = LABEL, found: bool = True) -> dict[str, object]:
    return {"has_skeleton": found, "label": "parkour", "label_index": label}


def release(
    folder: Path,
    clips: dict[str, bytes],
    split: str = "kinetics_val",
    listed: Mapping[str, object] = MappingProxyType({}),
) -> Path:
    """Write one split; `listed` adds to the label file, in which every clip has an entry, or changes it."""
    (folder / split).mkdir(parents=True, exist_ok=True)
    for name, text in clips.items():
        (folder / split / f"{name}.json").write_bytes(text)
    labels = {name: facts() for name in clips} | dict(listed)
    (folder / f"{split}_label.json").write_text(json.dumps(labels))
    return folder


def read(folder: Path, content: bytes, *, tracking: bool = True) -> Clip:
    release(folder, {NAME: content})
    return KineticsReader(folder, tracking=tracking).read(ClipFile(NAME, str(folder / "kinetics_val" / f"{NAME}.json")))


def middle(joints: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the joints, in the picture's coordinates."""
    return joints[..., :2].mean(axis=-2) + 0.5


VALID = clip_text([person(0.3), person(0.7)], [], [person(0.72), person(0.31)])


class TestRead:
    def test_a_clip(self, tmp_path: Path) -> None:
        release(tmp_path, {NAME: VALID})
        reader: Reader = pickle.loads(pickle.dumps(KineticsReader(tmp_path)))
        (found,) = reader.survey().files
        clip = reader.read(found)
        assert (clip.name, clip.label, reader.classes[clip.label]) == (NAME, LABEL, "parkour")
        assert (clip.subject, clip.camera, clip.setup, clip.replication) == (-1, -1, 2, -1)
        assert (clip.joints.shape, clip.joints.dtype) == ((2, 3, 18, 3), np.float32)
        assert clip.present.all()
        np.testing.assert_allclose(middle(clip.joints)[..., 0], [[0.3, 0.305, 0.31], [0.7, 0.71, 0.72]], rtol=1e-5)
        np.testing.assert_allclose(middle(clip.joints)[..., 1], 0.5, rtol=1e-5)
        np.testing.assert_allclose(clip.joints[..., 2], np.broadcast_to([[0.8], [0], [0.8]], (2, 3, 18)))

    def test_reader_facts(self) -> None:
        reader = KineticsReader("anywhere")
        assert (reader.layout, reader.max_bodies, reader.tracking) == (OPENPOSE18, 2, True)
        assert len(set(reader.classes)) == 400
        assert (reader.classes[0], reader.classes[399]) == ("abseiling", "zumba")

    def test_joints_not_found_are_zero(self, tmp_path: Path) -> None:
        lost = person(0.4)
        lost["pose"][2:4], lost["score"][1] = [0.0, 0.0], 0.0
        lost["pose"][6:8], lost["score"][3] = [0.9, 0.9], -1.0
        joints = read(tmp_path, clip_text([lost])).joints[0, 0]
        assert np.flatnonzero(~joints.any(axis=1)).tolist() == [1, 3]

    def test_ids_that_other_tools_add_are_not_taken(self, tmp_path: Path) -> None:
        named = [person(0.3) | {"idx": 1}, person(0.7) | {"idx": 2}]
        unnamed = [person(0.3), person(0.7)]
        clip = read(tmp_path, clip_text(named, named[::-1]))
        np.testing.assert_array_equal(clip.joints, read(tmp_path, clip_text(unnamed, unnamed)).joints)

    def test_time_is_the_videos(self, tmp_path: Path) -> None:
        content = json.loads(clip_text([], [], [person(0.5)], [], [person(0.5)], []))
        del content["data"][3]
        content["data"].reverse()
        clip = read(tmp_path, json.dumps(content).encode())
        assert clip.present.tolist() == [[False, False, True, True, True, False]]
        assert not clip.joints[0, [0, 1, 5]].any()
        counted_from_zero = read(tmp_path, clip_text([person(0.5)], [], first=0))
        assert counted_from_zero.present.tolist() == [[True, False]]

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "is not JSON"),
            (VALID[:-40], "is not JSON"),
            (b"\xff\xfe\x00", "is not JSON"),
            (b"[" * 100_000, "is not JSON"),
            (b"[1, 2]", "not one object"),
            (b"{}", "has no whole number 'label_index'"),
            (clip_text([person(0.5)], label=True), "has no whole number 'label_index'"),
            (clip_text([person(0.5)], label=7), r"has label 7, but label 207 in kinetics_val_label\.json"),
            (b'{"label_index": 207}', "has no list 'data' of frames"),
            (b'{"label_index": 207, "data": [3]}', "has no list 'data' of frames"),
            (clip_text(), "no frame"),
            (clip_text([person(0.5)], first=-1), "a frame without a whole number"),
            (clip_text([person(0.5)], first=10**12), "a frame beyond number 10000"),
            (b'{"label_index": 207, "data": [{"skeleton": []}]}', "a frame without a whole number"),
            (
                b'{"label_index": 207, "data": [%s, %s]}' % (2 * (b'{"frame_index": 1, "skeleton": []}',)),
                "two frames of one number",
            ),
            (b'{"label_index": 207, "data": [{"frame_index": 4}]}', "without a list of people"),
            (clip_text([], [5]), "a person in frame 2 has no list"),
            (without("pose"), "a person in frame 1 has no list"),
            (without("score"), r"a person in frame 1 has 'pose' of the shape \(12, 3\), expected 18 joints"),
            (
                clip_text([{"pose": [0.5] * 35, "score": [1] * 18}]),
                "frame 1 has a person with joints that are not numbers, or incomplete",
            ),
            (
                clip_text([{"pose": [0.5] * 36, "score": [1] * 25}]),
                "frame 1 has a person with joints that are not numbers, or incomplete",
            ),
            (clip_text([{"pose": ["x"] * 36, "score": [1] * 18}]), "joints that are not numbers"),
            (clip_text([{"pose": [[]] * 36, "score": [1] * 18}]), "joints that are not numbers"),
            (clip_text([{"pose": [[1]] + [0.5] * 35, "score": [1] * 18}]), "joints that are not numbers"),
            (clip_text([{"pose": [{}] * 36, "score": [1] * 18}]), "joints that are not numbers"),
            (clip_text([{"pose": [[0.5, 0.5]] * 36, "score": [1] * 18}]), "joints that are not numbers"),
            (clip_text([{"pose": [10**400] * 36, "score": [1] * 18}]), "joints that are not numbers"),
            (clip_text([], [{"pose": [float("nan")] * 36, "score": [1] * 18}]), "joint 0 in frame 2 is not finite"),
            (clip_text([{"pose": [0.5] * 36, "score": [0.5, float("inf")] * 9}]), "joint 1 in frame 1 is not finite"),
            (clip_text([{"pose": [1e39] * 36, "score": [1] * 18}]), "joint 0 in frame 1 is not finite"),
            (clip_text([{"pose": [None] * 36, "score": [1] * 18}]), "joint 0 in frame 1 is not finite"),
            (clip_text([person(0.5)] * 201), "frame 1 has 201 people, more than 200"),
            (clip_text([], []), "no body in any frame"),
            (clip_text([person(0.5, score=0)]), "no body in any frame"),
        ],
    )
    def test_bad_clip(self, tmp_path: Path, content: bytes, reason: str) -> None:
        with pytest.raises(ClipError, match=reason):
            read(tmp_path, content)

    @pytest.mark.parametrize("label", [-1, 400])
    def test_label_out_of_range(self, tmp_path: Path, label: int) -> None:
        release(tmp_path, {NAME: clip_text([person(0.5)], label=label)}, listed={NAME: facts(label)})
        reader = KineticsReader(tmp_path)
        assert read_checked(reader, reader.survey().files[0]) == f"label {label} is outside the 400 classes"

    def test_clip_that_cannot_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        reader = KineticsReader(release(tmp_path, {NAME: VALID}, listed={"gone": facts()}))
        folder = tmp_path / "kinetics_val"
        with pytest.raises(ClipError, match="cannot be read"):
            reader.read(ClipFile("gone", str(folder / "gone.json")))
        with pytest.raises(ClipError, match=r"has no label in kinetics_val_label\.json"):
            reader.read(ClipFile("other", str(folder / "other.json")))
        with pytest.raises(ClipError, match="its label file cannot be read"):
            reader.read(ClipFile(NAME, str(tmp_path / "elsewhere" / f"{NAME}.json")))
        monkeypatch.setattr(kinetics, "MAX_BYTES", 100)
        with pytest.raises(ClipError, match="no clip has more than"):
            reader.read(ClipFile(NAME, str(folder / f"{NAME}.json")))


class TestSurvey:
    def test_both_splits(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        listed = {"nobody": facts(found=False), "odd": {"label": "parkour"}, "odder": 3, "../../b": facts()}
        there = dict.fromkeys(["b", "nobody", "twice", "odd"], VALID)
        release(tmp_path, there, "kinetics_train", {"gone": facts(), **listed})
        release(tmp_path, {"a": VALID, "twice": VALID})
        (tmp_path / "kinetics_val" / "more.json").write_bytes(VALID)
        reader = KineticsReader(tmp_path)
        survey = reader.survey()
        assert [found.name for found in survey.files] == ["a", "b", "twice", "twice"]
        assert [reader.read(found).setup for found in survey.files] == [2, 1, 1, 2]
        assert survey.expected is None
        assert sorted(survey.skipped) == [
            ("../../b", "listed in kinetics_train_label.json, but not in the folder kinetics_train"),
            ("gone", "listed in kinetics_train_label.json, but not in the folder kinetics_train"),
            ("more", "not listed in kinetics_val_label.json"),
            ("nobody", "without skeletons, says kinetics_train_label.json"),
            ("odd", "has no whole number 'label_index' in kinetics_train_label.json"),
            ("odder", "has no whole number 'label_index' in kinetics_train_label.json"),
        ]
        monkeypatch.setattr(kinetics, "CLIPS", 3)
        assert reader.survey().expected == 3

    def test_classes_of_ones_own_are_those_of_the_files(self, tmp_path: Path) -> None:
        named = {"a": (0, "wave"), "b": (1, "bow"), "c": (2, "nod")}
        texts = {clip: clip_text([person(0.5)], label=label, name=name) for clip, (label, name) in named.items()}
        listed = {clip: {"label": name, "label_index": label} for clip, (label, name) in named.items()}
        reader = KineticsReader(release(tmp_path, texts, listed=listed))
        survey = reader.survey()
        assert reader.classes == ("wave", "bow", "nod")
        assert [reader.read(found).label for found in survey.files] == [0, 1, 2]
        (tmp_path / "kinetics_val" / "b.json").write_bytes(clip_text([person(0.5)], label=1, name="jump"))
        with pytest.raises(ClipError, match="has the label 'jump', but label 1 is 'bow'"):
            reader.read(survey.files[1])

    @pytest.mark.parametrize(
        ("names", "sentence"),
        [
            ([(0, "wave"), (2, "nod")], r"label 0 is 'wave', which it is not .* found 2 labels up to 2 with 2 names"),
            ([(0, "wave"), (1, "wave")], r"label 0 is 'wave', .* found 2 labels up to 1 with 1 names"),
            ([(0, "wave"), (0, "bow")], r"label 0 is 'wave' and 'bow' in .*kinetics_val_label\.json: give each label"),
        ],
    )
    def test_names_that_contradict(self, tmp_path: Path, names: list[tuple[int, str]], sentence: str) -> None:
        listed = {f"clip{n}": {"label": name, "label_index": label} for n, (label, name) in enumerate(names)}
        release(tmp_path, dict.fromkeys(listed, VALID), listed=listed)
        with pytest.raises(InputError, match=sentence):
            KineticsReader(tmp_path).survey()

    def test_official_number(self) -> None:
        assert sum(COUNTS["kinetics", "kinetics_val"]) == kinetics.CLIPS == 260_232
        assert split_clips("kinetics_val", [-1, -1], [-1, -1], [1, 2]).train.tolist() == [True, False]

    @pytest.mark.parametrize("kind", ["nowhere", "empty", "only labels", "only clips", "file"])
    def test_no_source(self, tmp_path: Path, kind: str) -> None:
        source = tmp_path / "source"
        match kind:
            case "empty":
                source.mkdir()
            case "only labels":
                release(source, {}, listed={"a": facts()})
            case "only clips":
                (release(source, {NAME: VALID}) / "kinetics_val_label.json").unlink()
            case "file":
                source.write_bytes(b"")
        sentence = (
            r"no clip of Kinetics-Skeleton in .*looked for kinetics_train_label\.json.*yysijie/st-gcn.*"
            r"`python src/prepare\.py data=kinetics data\.source=FOLDER`"
        )
        with pytest.raises(InputError, match=sentence) as error:
            KineticsReader(source).survey()
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("text", [b"{", b"[]", b"\xff", b"[" * 100_000])
    def test_garbled_label_file(self, tmp_path: Path, text: bytes) -> None:
        release(tmp_path, {NAME: VALID})
        (tmp_path / "kinetics_val_label.json").write_bytes(text)
        with pytest.raises(InputError, match=r"kinetics_val_label\.json' cannot be used: is .*JSON.*yysijie/st-gcn"):
            KineticsReader(tmp_path).survey()
        with pytest.raises(ClipError, match="JSON"):
            KineticsReader(tmp_path).read(ClipFile(NAME, str(tmp_path / "kinetics_val" / f"{NAME}.json")))


class TestTracking:
    def test_who_is_listed_first_does_not_matter(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(1)
        frames = [[person(0.2), person(0.5), person(0.8, score=0.3)] for _ in range(40)]
        for frame in frames:
            rng.shuffle(frame)
        joints = read(tmp_path, clip_text(*frames)).joints
        np.testing.assert_allclose(np.sort(middle(joints)[:, :, 0], axis=0), np.tile([[0.2], [0.5]], 40), rtol=1e-5)
        assert np.ptp(middle(joints)[:, :, 0], axis=1).max() < 1e-5, "a body stays one person"

    def test_people_who_cross(self, tmp_path: Path) -> None:
        steps = np.linspace(0.2, 0.8, 31)
        frames = [[person(x, 0.4), person(1 - x, 0.6, 0.7)][:: 1 if n % 3 else -1] for n, x in enumerate(steps)]
        joints = read(tmp_path, clip_text(*frames)).joints
        np.testing.assert_allclose(middle(joints)[:, :, 0], [steps, 1 - steps], rtol=1e-4)
        swapped = read(tmp_path, clip_text(*frames), tracking=False).joints
        np.testing.assert_allclose(swapped, joints, atol=1e-6)  # here the first is the surer one throughout

    def test_people_who_leave_and_enter(self, tmp_path: Path) -> None:
        frames = [[*([person(0.2)] if n < 6 else []), *([person(0.8)] if n >= 8 else [])] for n in range(20)]
        clip = read(tmp_path, clip_text(*frames))
        assert list(valid_runs(clip.present)) == [(8, 12), (0, 6)]
        assert not clip.joints[~clip.present].any()
        np.testing.assert_allclose(middle(clip.joints)[0, 8:, 0], 0.8, rtol=1e-5)
        one = read(tmp_path, clip_text(*frames), tracking=False)
        assert list(valid_runs(one.present)) == [(0, 20)]
        assert not one.joints[0, 6:8].any(), "nobody, as ST-GCN has it"

    def test_gap(self, tmp_path: Path) -> None:
        frames: list[list[Person]] = [[person(0.40)], *[[]] * GAP, [person(0.46)]]
        frames[-1][0]["pose"][:2], frames[-1][0]["score"][0] = [0.0, 0.0], 0.0
        clip = read(tmp_path, clip_text(*frames))
        assert list(valid_runs(clip.present)) == [(0, GAP + 2)]
        np.testing.assert_allclose(
            clip.joints[0, :, 5, 0], np.linspace(clip.joints[0, 0, 5, 0], clip.joints[0, -1, 5, 0], GAP + 2), atol=1e-6
        )
        assert not clip.joints[0, 1:-1, :, 2].any()
        assert not clip.joints[0, 1:, 0].any(), "a joint found on one side of the gap only is not made up"
        frames.insert(1, [])
        clip = read(tmp_path, clip_text(*frames))
        assert list(valid_runs(clip.present)) == [(0, 1), (GAP + 2, 1)]

    def test_gate(self) -> None:
        def who(step: float) -> list[int]:
            people = np.ones((2, 18, 3), np.float32)
            people[1, :, 0] += step
            return track(np.array([0, 1]), people).tolist()

        assert who(0.98 * GATE) == [0, 0]
        assert who(1.02 * GATE) == [0, 1]

    def test_nearest_first(self) -> None:
        people = np.ones((4, 18, 3), np.float32)
        people[:, :, 0] = np.array([0.0, 0.1, 0.11, 0.21])[:, None]
        assert track(np.array([0, 0, 1, 1]), people).tolist() == [0, 1, 1, 2]

    @settings(max_examples=60)
    @given(seed=st.integers(0, 10_000))
    def test_equals_the_loops(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        frames = np.sort(rng.integers(0, 50, 40))
        people = rng.uniform(0, 0.5, (40, 18, 3)).astype(np.float32)
        people[..., :2] += rng.uniform(0, 0.6, (40, 1, 2))
        people *= rng.random((40, 18, 1)) < 0.7
        people[:, 0] = people[:, 0] + 0.01
        people[:, 0, 2] = 0.1
        places = [np.mean([j[:2] for j in one if j[2] > 0], axis=0, dtype=float) for one in people]
        persons: list[list[int]] = []
        for frame in np.unique(frames):
            rows = np.flatnonzero(frames == frame).tolist()
            pairs = sorted(
                (float(np.linalg.norm(places[seen[-1]] - places[row])), number, row)
                for number, seen in enumerate(persons)
                for row in rows
                if frame - frames[seen[-1]] <= GAP + 1
            )
            known: dict[int, int] = {}
            for distance, number, row in pairs:
                if distance <= GATE and number not in known.values() and row not in known:
                    known[row] = number
            for row in rows:
                if row in known:
                    persons[known[row]].append(row)
                else:
                    persons.append([row])
        who = track(frames, people)
        assert [np.flatnonzero(who == number).tolist() for number in range(who.max() + 1)] == persons

        joints, present = keep_most_confident(frames, people, who, 50, 2, bridge=True)
        best = sorted(persons, key=lambda rows: -float(people[rows, :, 2].sum(dtype=np.float64)))[:2]
        for body, rows in enumerate(best):
            np.testing.assert_array_equal(joints[body, frames[rows]], people[rows])
            assert np.flatnonzero(present[body]).tolist() == list(range(frames[rows[0]], frames[rows[-1]] + 1))

    @settings(max_examples=60)
    @given(seed=st.integers(0, 10_000))
    def test_rank_equals_the_feeder(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        frames = np.sort(rng.integers(0, 12, 60))
        people = rng.uniform(0.01, 1, (60, 18, 3)).astype(np.float32)
        joints, _ = keep_most_confident(frames, people, rank(frames, people), 12, 2, bridge=False)
        for frame in range(12):
            listed = list(people[frames == frame][:LISTED])
            listed.sort(key=lambda one: -float(one[:, 2].sum(dtype=np.float64)))
            expected = np.zeros((2, 18, 3), np.float32)
            expected[: len(listed)] = listed[:2] if listed else 0
            np.testing.assert_array_equal(joints[:, frame], expected)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def usable(folder: Path, content: bytes) -> None:
    for tracking in (True, False):
        try:
            clip = read(folder, content, tracking=tracking)
        except ClipError:
            continue
        assert np.isfinite(clip.joints).all()
        assert clip.present.any(axis=1).all()


@settings(max_examples=100)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_rejected(scratch: Path, content: bytes) -> None:
    usable(scratch, content)


@settings(max_examples=150)
@given(
    at=st.integers(0, len(VALID)),
    length=st.integers(0, 40),
    new=st.binary(max_size=8) | st.sampled_from([b"NaN", b"[[", b"-1", b"1e300", b"{}", b"null", b'"', b"], ["]),
)
def test_any_damage_is_read_or_rejected(scratch: Path, at: int, length: int, new: bytes) -> None:
    usable(scratch, VALID[:at] + new + VALID[at + length :])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(["pose", "skeleton"]), values),
    max_leaves=4,
)


def replaced(node: object, path: list[int], value: object) -> object:
    """The JSON tree with one of its values replaced; `path` says which."""
    if not path or not isinstance(node, dict | list) or not node:
        return value
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    key = keys[path[0] % len(keys)]
    node[key] = replaced(node[key], path[1:], value)
    return node


@settings(max_examples=150)
@given(path=st.lists(st.integers(0, 40), min_size=1, max_size=7), value=VALUES)
def test_any_other_value_is_read_or_rejected(scratch: Path, path: list[int], value: object) -> None:
    usable(scratch, json.dumps(replaced(json.loads(VALID), path, value)).encode())


@pytest.fixture(scope="module")
def released(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three clips in the released layout, one of them as if it were for training."""
    source, folder = shared_data / "kinetics-samples", tmp_path_factory.mktemp("kinetics")
    if not source.is_dir():
        pytest.skip("no released clips of Kinetics-Skeleton")
    labels = json.loads((source / "kinetics_val_label.json").read_bytes())
    for split, chosen in (("kinetics_train", SAMPLES[2:]), ("kinetics_val", SAMPLES[:2])):
        release(folder, {}, split, {name: labels[name] for name in chosen})
        for name in chosen:
            shutil.copyfile(source / f"{name}.json", folder / split / f"{name}.json")
    return folder


def jumps(clip: Clip) -> int:
    """Count how often a neck found in two frames running moves by more than a tenth of the picture."""
    neck = clip.joints[:, :, OPENPOSE18.centre]
    found = (neck[:, 1:, 2] > 0) & (neck[:, :-1, 2] > 0)
    return int((np.linalg.norm(np.diff(neck[..., :2], axis=1), axis=-1)[found] > 0.1).sum())


class TestReleasedClips:
    def test_class_names(self, shared_data: Path, released: Path) -> None:
        listed = (shared_data / "kinetics-samples" / "label_name.txt").read_text().splitlines()
        assert KineticsReader(released).classes == tuple(listed)

    @pytest.mark.parametrize(
        ("name", "action", "setup", "frames", "runs", "sightings", "jumped"),
        [
            ("__PYrzYbzKE", "jumpstyle dancing", 2, 299, [(0, 299), (0, 299)], 598, (0, 258)),
            ("__u6odV5hrI", "parkour", 2, 299, [(37, 28), (58, 47)], 19, (1, 2)),
            ("__vzEs2wzdQ", "strumming guitar", 1, 164, [(0, 161), (46, 116)], 219, (3, 38)),
        ],
    )
    def test_bodies(
        self,
        released: Path,
        name: str,
        action: str,
        setup: int,
        frames: int,
        runs: list[tuple[int, int]],
        sightings: int,
        jumped: tuple[int, int],
    ) -> None:
        reader, feeder = KineticsReader(released), KineticsReader(released, tracking=False)
        files = {found.name: found for found in reader.survey().files}
        assert tuple(files) == SAMPLES
        clip = reader.read(files[name])
        assert (reader.classes[clip.label], clip.setup) == (action, setup)
        assert clip.joints.shape == (2, frames, 18, 3)
        assert list(valid_runs(clip.present)) == runs
        assert int((clip.joints[..., 2] > 0).any(axis=2).sum()) == sightings
        surest = feeder.read(files[name])
        assert (jumps(clip), jumps(surest)) == jumped
        content = json.loads(Path(files[name].path).read_bytes())["data"]
        nobody = [number for number, frame in enumerate(content) if not frame["skeleton"]]
        assert not surest.joints[:, nobody].any()
        assert not clip.joints[:, nobody, :, 2].any()

    def test_through_the_store_to_batches(self, released: Path, tmp_path: Path) -> None:
        store = prepare(KineticsReader(released), tmp_path / "store", "kinetics", source="here", workers=1)
        assert (len(store), store.layout, len(store.header.classes)) == (3, OPENPOSE18, 400)
        clips = store.clips
        mask = split_clips("kinetics_val", clips["subject"], clips["camera"], clips["setup"]).train
        assert mask.tolist() == [False, False, True]
        for stream in STREAMS:
            made = batch(store, np.arange(3), ClipSettings(stream, frames=300, sampling="loop"))
            assert made.shape == (3, 3, 300, 18, 2)
            assert np.isfinite(made).all()
        joints = batch(store, np.arange(3), ClipSettings())
        np.testing.assert_array_equal(joints[2, :, 164:], joints[2, :, :136])
        assert joints[1, :, [37, 104]].any(axis=(1, 2, 3)).all()
        assert not joints[1, :, :37].any(), "frames without anybody stay empty"
        assert not joints[1, :, 105:].any()
        assert joints[:, 2].min() >= 0
        assert joints[:, 2].max() < 1
