"""What pose estimators write, made here as their descriptions say, and a released clip of Kinetics in these forms."""

import json
from collections.abc import Callable
from itertools import product
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from omegaconf import OmegaConf
from tests.conftest import TINY, RunCommand

from stgdn.data.clip import Clip, ClipError, ClipFile
from stgdn.data.readers.custom.custom_reader import CustomReader
from stgdn.data.readers.custom.pose_files import form_of, read_poses
from stgdn.data.readers.custom.template import template
from stgdn.data.readers.detect import Expected, kind_of
from stgdn.data.readers.find_clips import find_clips, read_clip
from stgdn.data.readers.kinetics import KineticsReader
from stgdn.data.store.description import summary
from stgdn.data.store.prepare import prepare
from stgdn.errors import InputError
from stgdn.skeleton import BODY25, BODY25B, COCO17, H36M17, HALPE26, MEDIAPIPE33, NTU25, OPENPOSE18, Layout

WIDTH, HEIGHT = 640, 480
T = 8
BELOW_HEAD = {"shoulder": 30, "elbow": 60, "wrist": 90, "hip": 90, "knee": 140, "ankle": 180, "toe": 185, "heel": 185}
People = NDArray[np.float64]  # (M, T, V, 3): x and y in pixels, and confidence


def walkers(V: int, bodies: int = 2, layout: Layout = BODY25) -> People:
    """People who walk to the right, one behind the other, the first of them the surest; those of 25 joints upright."""
    rng = np.random.default_rng(V)
    people = np.empty((bodies, T, V, 3))
    shape = rng.uniform((-40, -100), (40, 100), (V, 2))
    if V == 25:  # of two layouts; where they stand tells which
        for joint, name in enumerate(layout.joints):
            side = name.startswith("left") - name.startswith("right")
            below = next((height for part, height in BELOW_HEAD.items() if part in name), 0)
            shape[joint] = 15 * side + joint % 3, below - 80
    for body in range(bodies):
        people[body, ..., :2] = shape + np.array([150 + 250 * body, 240])
        people[body, ..., 0] += 4 * np.arange(T)[:, None]
        people[body, ..., 2] = 0.9 - 0.2 * body
    return people.round(3)


def each_frame(people: People) -> list[list[NDArray[np.float64]]]:
    """The people of every frame, those of odd frames in the other order."""
    return [[body[t] for body in people[:: (-1) ** t]] for t in range(people.shape[1])]


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def openpose(place: Path, people: People) -> None:
    for t, found in enumerate(each_frame(people)):
        listed = [
            {"person_id": [-1], "pose_keypoints_2d": pose.ravel().tolist(), "face_keypoints_2d": []} for pose in found
        ]
        write(place / "take" / f"take_{t:012}_keypoints.json", {"version": 1.3, "people": listed})


def openpose_of_several_videos(place: Path, people: People) -> None:
    openpose(place, people)
    for file in sorted((place / "take").iterdir()):
        file.rename(place / file.name)
    (place / "take").rmdir()


def comfy(place: Path, people: People) -> None:
    sizes = {"canvas_width": WIDTH, "canvas_height": HEIGHT}
    frames = [[{"pose_keypoints_2d": pose.ravel().tolist()} for pose in found] for found in each_frame(people)]
    write(place / "take.json", [{"people": listed, **sizes} for listed in frames])


def results(people: People, **more: object) -> list[dict[str, object]]:
    return [
        {"image_id": f"{t}.jpg", "category_id": 1, "keypoints": pose.ravel().tolist(), "score": 2.1, **more}
        for t, found in enumerate(each_frame(people))
        for pose in found
    ]


def alphapose(place: Path, people: People) -> None:
    write(place / "take.json", results(people))


def alphapose_tracked(place: Path, people: People) -> None:
    ids = [1 + (index % 2 != index // 2 % 2) for index in range(2 * T)]
    write(place / "take.json", [one | {"idx": [[float(id_)]]} for one, id_ in zip(results(people), ids, strict=True)])


def alphapose_whole(key: str, joints: str) -> Callable[[Path, People], None]:
    def write_it(place: Path, people: People) -> None:
        frames = each_frame(people)
        made = {f"{t}.jpg": [{joints: pose.ravel().tolist()} for pose in found] for t, found in enumerate(frames)}
        write(place / "take.json", {name: {"version": "AlphaPose v0.3", key: found} for name, found in made.items()})

    return write_it


def poseflow(place: Path, people: People) -> None:
    ids = ({"idx": 1}, {"idx": 2})
    frames = [zip(found, ids[:: (-1) ** t], strict=True) for t, found in enumerate(each_frame(people))]
    named = enumerate([{"keypoints": pose.ravel().tolist(), "scores": 2.1, **id_} for pose, id_ in f] for f in frames)
    write(place / "take.json", {f"video/{t:08}.jpg": listed for t, listed in named})


def alphapose_frames(place: Path, people: People) -> None:
    for t, found in enumerate(each_frame(people)):
        listed = [{"joints": pose.ravel().tolist()} for pose in found]
        write(place / "take" / f"{t}.json", {"version": "AlphaPose v0.3", "bodies": listed})


def coco(place: Path, people: People) -> None:
    images = [{"id": 40 + t, "file_name": f"take_{t}.png", "width": WIDTH, "height": HEIGHT} for t in range(T)]
    listed = [one | {"image_id": 40 + int(str(one["image_id"])[:-4]), "id": 7} for one in results(people)]
    write(place / "take.json", {"images": images, "annotations": listed, "categories": []})


def yolo_val(place: Path, people: People) -> None:
    write(place / "take.json", [one | {"image_id": f"take_{str(one['image_id'])[:-4]}"} for one in results(people)])


def instances(people: People) -> list[list[dict[str, object]]]:
    return [
        [
            {
                "keypoints": pose[:, :2].tolist(),
                "keypoint_scores": pose[:, 2].tolist(),
                "bbox": [[0, 0, 9, 9]],
                "bbox_score": 0.9,
            }
            for pose in found
        ]
        for found in each_frame(people)
    ]


def mmpose(place: Path, people: People) -> None:
    write(place / "take.json", [{"frame_id": t, "instances": found} for t, found in enumerate(instances(people))])


def mmpose_demo(place: Path, people: People) -> None:
    frames = [{"frame_id": t, "instances": found} for t, found in enumerate(instances(people), 1)]
    meta = {"dataset_name": "coco", "num_keypoints": people.shape[2], "keypoint_id2name": {"0": "x" * 9000}}
    write(place / "take.json", {"meta_info": meta, "instance_info": frames})


def mmpose_pictures(place: Path, people: People) -> None:
    for t, found in enumerate(instances(people)):
        write(place / f"take_{t}.json", found)


def to_json(people: People, **more: object) -> list[list[dict[str, object]]]:
    return [
        [
            {
                "name": "person",
                "box": {"x1": 0},
                "keypoints": dict(zip(("x", "y", "visible"), pose.T.tolist(), strict=True)),
                **more,
            }
            for pose in found
        ]
        for found in each_frame(people)
    ]


def yolo_json(place: Path, people: People) -> None:
    write(place / "take.json", to_json(people))


def yolo_json_frames(place: Path, people: People) -> None:
    for t, found in enumerate(to_json(people)):
        write(place / "take" / f"{t}.json", json.dumps(found, indent=2))


def yolo_txt(*more: str) -> Callable[[Path, People], None]:
    def write_it(place: Path, people: People) -> None:
        for t, found in enumerate(each_frame(people)):
            rows = [np.append([0, 0.5, 0.5, 0.1, 0.2], pose / (WIDTH, HEIGHT, 1)).tolist() for pose in found]
            tails = [[part.format(id=1 + (row != t % 2)) for part in more] for row in range(len(rows))]
            lines = [" ".join([*map(repr, row), *tail]) for row, tail in zip(rows, tails, strict=True)]
            write(place / f"take_{t + 1}.txt", "\n".join(lines) + "\n")

    return write_it


def kinetics(place: Path, people: People) -> None:
    shares = people / (WIDTH, HEIGHT, 1)
    frames = [
        [{"pose": pose[:, :2].ravel().tolist(), "score": pose[:, 2].tolist()} for pose in found]
        for found in each_frame(shares)
    ]
    data = [{"frame_index": t, "skeleton": found} for t, found in enumerate(frames, 1)]
    write(place / "take.json", {"data": data, "label": "wave", "label_index": 0})


SAY_THE_SIZE = [comfy, coco, yolo_txt(), yolo_txt("0.75"), yolo_txt("0.75", "{id}"), yolo_txt("{id}")]
FORMS = [
    *((openpose, BODY25), (openpose, OPENPOSE18), (openpose_of_several_videos, BODY25), (comfy, OPENPOSE18)),
    *((alphapose, COCO17), (alphapose, HALPE26), (alphapose_tracked, COCO17), (alphapose_frames, OPENPOSE18)),
    (poseflow, COCO17),
    *((alphapose_whole("people", "pose_keypoints_2d"), OPENPOSE18), (alphapose_whole("bodies", "joints"), OPENPOSE18)),
    *((coco, COCO17), (yolo_val, COCO17), (mmpose, COCO17), (mmpose_demo, HALPE26), (mmpose_pictures, COCO17)),
    *((yolo_json, COCO17), (yolo_json_frames, COCO17), *((form, COCO17) for form in SAY_THE_SIZE[2:])),
    (mmpose, MEDIAPIPE33),
]
forms = pytest.mark.parametrize(("form", "layout"), FORMS)


def dataset(place: Path, layout: Layout, more: str = "") -> CustomReader:
    """Describe the clips in a folder; they lie in a folder of the class."""
    (place / "dataset.yaml").write_text(
        f"layout: {layout.name}\nunits: picture\nclasses: [wave, bow]\nbodies: 2\npattern: '{{label}}/{{any}}'\n"
        f"splits: {{random: {{share: 0.5}}}}\n{more}"
    )
    return CustomReader(place)


def expected(people: People) -> NDArray[np.float64]:
    joints = people / (WIDTH, HEIGHT, 1) - (0.5, 0.5, 0)
    joints[people[..., 2] == 0] = 0
    return joints


@forms
def test_a_described_folder(tmp_path: Path, form: Callable[[Path, People], None], layout: Layout) -> None:
    people = walkers(layout.num_joints)
    form(tmp_path / "wave", people)
    reader = dataset(tmp_path, layout, "" if form in SAY_THE_SIZE else f"picture: [{WIDTH}, {HEIGHT}]")
    (file,) = reader.survey().files
    clip = reader.read(file)
    assert (file.name, clip.label, clip.present.all()) == ("wave/take", 0, True)
    np.testing.assert_allclose(clip.joints, expected(people), atol=1e-5)


def found(place: object, layout: Layout = NTU25, **more: Any) -> list[tuple[str, Clip, Layout]]:  # noqa: ANN401
    """Clips of a folder without a description, for a network that was trained on some layout."""
    there = find_clips(str(place), "auto", Expected(layout, ("wave", "bow"), 2, OmegaConf.create(), **more))
    assert not there.left_out, there.left_out
    return [(file.name, read_clip(source, file), source.reader.layout) for source, file in there.files()]


@forms
def test_clips_to_predict(tmp_path: Path, form: Callable[[Path, People], None], layout: Layout) -> None:
    people = walkers(layout.num_joints)
    form(tmp_path, people)
    ((name, clip, joints),) = found(tmp_path, picture=(WIDTH, HEIGHT))
    assert (name, clip.label, joints) == ("take", -1, layout)
    np.testing.assert_allclose(clip.joints, expected(people), atol=1e-5)
    if form not in SAY_THE_SIZE:
        with pytest.raises(ClipError, match="are no shares of a picture: say `picture`"):
            found(tmp_path)


def test_several_recordings_and_sizes(tmp_path: Path) -> None:
    people = walkers(25)
    openpose_of_several_videos(tmp_path / "wave", people)
    openpose(tmp_path / "bow", people)
    openpose(tmp_path / "bow" / "deep" / "er", people * (2, 2, 1))
    comfy(tmp_path / "bow" / "sized", people)
    for name in ("notes.json", "bow/labels.json", "bow/deep/list_1.json"):
        write(tmp_path / name, {"made": "by hand"})
    write(tmp_path / "bow" / "readme_1.txt", "1 2 3")
    table = f"name,picture_width,picture_height\nbow/deep/er/take,{2 * WIDTH},{2 * HEIGHT}\n"
    (tmp_path / "clips.csv").write_text(table)
    reader = dataset(tmp_path, BODY25, f"picture: [{WIDTH}, {HEIGHT}]")
    files = reader.survey().files
    assert [file.name for file in files] == ["bow/deep/er/take", "bow/sized/take", "bow/take", "wave/take"]
    for file in files:
        np.testing.assert_allclose(reader.read(file).joints, expected(people), atol=1e-5)
    assert len(found(tmp_path / "wave" / "*.json")) == len(found(tmp_path / "wave")) == 1
    (tmp_path / "clips.csv").unlink()
    assert len(found(tmp_path)) == 4, "below a description it is that which counts"


def test_whole_bodies_and_what_is_lost(tmp_path: Path) -> None:
    people = walkers(136)
    people[0, 2, 5] = 0
    alphapose(tmp_path, people)
    ((_, clip, layout),) = found(tmp_path, picture=(WIDTH, HEIGHT))
    assert layout == HALPE26
    np.testing.assert_allclose(clip.joints, expected(people)[:, :, :26], atol=1e-5)
    assert not clip.joints[0, 2, 5].any()


def test_frames_without_anybody(tmp_path: Path) -> None:
    people = walkers(17, bodies=1)
    mmpose_pictures(tmp_path, people)
    (tmp_path / "take_3.json").write_text("[]")
    (tmp_path / "take_7.json").unlink()
    ((_, clip, _),) = found(tmp_path, picture=(WIDTH, HEIGHT))
    np.testing.assert_allclose(clip.joints, expected(people)[:, [0, 1, 2, 4, 5, 6]], atol=1e-5)
    ((_, clip, _),) = found(tmp_path, picture=(WIDTH, HEIGHT), empty_frames=True)
    assert clip.joints.shape[1] == 7
    assert not clip.joints[0, 3, :, 2].any()


def test_people_without_joints_and_people_twice(tmp_path: Path) -> None:
    """As in perfanalytics/pose2sim's demo; a second run of `yolo save_txt=True` adds its rows to those of the first."""
    people = walkers(25)
    openpose(tmp_path / "openpose", people)
    path = tmp_path / "openpose" / "take" / "take_000000000001_keypoints.json"
    content = json.loads(path.read_text())
    content["people"].insert(0, {"person_id": [-1], "pose_keypoints_2d": [], "face_keypoints_2d": []})
    write(path, content)
    ((_, clip, _),) = found(tmp_path / "openpose", picture=(WIDTH, HEIGHT))
    np.testing.assert_allclose(clip.joints, expected(people), atol=1e-5)
    people = walkers(17, bodies=1)
    yolo_txt()(tmp_path / "yolo", people)
    for path in (tmp_path / "yolo").iterdir():
        path.write_text(2 * path.read_text())
    ((_, clip, _),) = found(tmp_path / "yolo")
    assert len(clip.joints) == 1
    np.testing.assert_allclose(clip.joints, expected(people), atol=1e-5)


@pytest.mark.parametrize("layout", [BODY25, BODY25B], ids=attrgetter("name"))
def test_openposes_two_orders_of_25_joints(tmp_path: Path, layout: Layout) -> None:
    """The files do not say which model made them; in the wrong order bones go to and fro."""
    openpose(tmp_path / "wave", walkers(25, layout=layout))
    assert f"layout: {layout.name}\n" in template(tmp_path)
    ((_, _, chosen),) = found(tmp_path, picture=(WIDTH, HEIGHT))
    assert chosen == layout
    reader = dataset(tmp_path, BODY25, f"picture: [{WIDTH}, {HEIGHT}]")
    store = prepare(reader, tmp_path / "store", "x", source=str(tmp_path), workers=1)
    told = "joints seem to be in the order of body25b, not body25" in summary(store, "random")
    assert told == (layout == BODY25B)


def test_lifted_poses_are_in_space(tmp_path: Path) -> None:
    poses = np.random.default_rng(0).uniform(-1, 1, (T, 17, 3)).round(3)
    poses[0, 0] = 0.5
    frames = [[{"keypoints": pose.tolist(), "keypoint_scores": [0.9] * 17}] for pose in poses]
    write(tmp_path / "take.json", [{"frame_id": t, "instances": found} for t, found in enumerate(frames)])
    ((_, clip, layout),) = found(tmp_path)
    assert layout == H36M17
    np.testing.assert_allclose(clip.joints[0], poses, atol=1e-6)
    (tmp_path / "wave").mkdir()
    (tmp_path / "take.json").rename(tmp_path / "wave" / "take.json")
    reader = dataset(tmp_path, COCO17)
    with pytest.raises(ClipError, match="has joints of 3 coordinates, expected 2"):
        reader.read(reader.survey().files[0])


def test_kinetics_is_still_kinetics_and_others_are_not(tmp_path: Path) -> None:
    kinetics(tmp_path / "wave", walkers(18))
    alphapose(tmp_path / "other", walkers(18))
    assert kind_of(tmp_path / "wave" / "take.json") == "kinetics"
    assert kind_of(tmp_path / "other" / "take.json") == "custom"
    write(tmp_path / "manifest.json", {"keypoints": 3})
    with pytest.raises(InputError, match=r"is no clip: .*json"):
        kind_of(tmp_path / "manifest.json")
    reader = dataset(tmp_path, OPENPOSE18)  # a described folder may hold them too
    assert len(reader.survey().files) == 2
    np.testing.assert_allclose(reader.read(reader.survey().files[1]).joints, expected(walkers(18)), atol=1e-5)


def test_a_released_clip_is_followed_as_by_its_own_reader(tmp_path: Path, shared_data: Path) -> None:
    sample = shared_data / "kinetics-samples" / "__PYrzYbzKE.json"  # of many people in every frame
    theirs = KineticsReader(tmp_path).read_unlabelled(ClipFile("take", str(sample)))
    for frame in json.loads(sample.read_text())["data"]:
        joints = [(np.reshape(one["pose"], (18, 2)) * (WIDTH, HEIGHT), one["score"]) for one in frame["skeleton"]]
        listed = [{"pose_keypoints_2d": np.column_stack(person).ravel().tolist()} for person in joints]
        write(tmp_path / "take" / f"take_{frame['frame_index']:012}_keypoints.json", {"people": listed})
    ((_, ours, layout),) = found(tmp_path, picture=(WIDTH, HEIGHT), empty_frames=True)
    assert layout == OPENPOSE18
    at = np.flatnonzero(theirs.present.any(axis=0))  # own files begin and end with a body
    joints = theirs.joints[:, at[0] : at[-1] + 1]
    seen = joints[..., 2] > 0
    assert (ours.joints.shape, seen.mean() > 0.3) == (joints.shape, True)
    np.testing.assert_allclose(ours.joints[seen], joints[seen], atol=1e-5)


ONE = {"keypoints": [1.0] * 51}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b'{"people": [', "is not JSON"),
        (b"3", "is JSON, but not as OpenPose, AlphaPose, MMPose or Ultralytics write it"),
        ({"made": "by hand"}, "is JSON, but not as OpenPose"),
        ([{"image_id": "1.jpg", **ONE}, 5], "is JSON, but not as OpenPose"),
        ([{"frame_id": 1, "instances": []}, []], "is JSON, but not as OpenPose"),
        ({"people": 3}, "without a list of people"),
        ({"people": []}, "no body in any frame"),
        ({"people": [3]}, "a person in frame 0 has no list 'keypoints'"),
        ({"people": [{"pose_keypoints_2d": []}]}, "no body in any frame"),
        ({"people": [{"pose_keypoints_2d": ["x"] * 51}]}, "joints that are not numbers"),
        ({"people": [{"pose_keypoints_2d": [1.0] * 50}]}, "joints that are not numbers, or incomplete"),
        ({"people": [{"pose_keypoints_2d": 5.0}]}, "joints that are not numbers, or incomplete"),
        (
            {"people": [{"pose_keypoints_2d": [1.0] * 75}]},
            r"'pose_keypoints_2d' of the shape \(25, 3\), expected 17 joints",
        ),
        ({"people": [ONE] * 201}, "frame 0 has 201 people, more than 200"),
        ([{"frame_id": "x", "instances": []}], "without a whole number"),
        ([{"frame_id": 10**30, "instances": []}], "without a whole number"),
        ([{"frame_id": 1, "instances": [ONE]}] * 2, "two frames of one number"),
        (
            [{"image_id": f"{name}_1.jpg", **ONE} for name in "ab"],
            r"holds 2 recordings \(a, b\): write a file for each",
        ),
        ([{"image_id": f"{name}1", **ONE} for name in "\x1e\x1f"], r"holds 2 recordings \(\\x1e, \\x1f\): write"),
        (
            [{"image_id": f"{name}/1.jpg", **ONE} for name in "ab"],
            r"holds 2 recordings \(a, b\): write a file for each",
        ),
        ([[{"keypoints": {"x": [1.0], "y": [1.0, 2.0]}}]], "joints that are not numbers, or incomplete"),
        ([[{"keypoints": [[1.0, 2.0]], "keypoint_scores": [1.0, 2.0]}]], "joints that are not numbers, or incomplete"),
        ([[{"keypoints": [[1.0, 2.0]] * 17, "track_id": float("inf")}]], "joints that are not numbers, or"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: object, reason: str) -> None:
    path = tmp_path / "take.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(ClipError, match=reason) as told:
        read_poses(ClipFile("take", str(path)), 17)
    assert len(str(told.value)) < 200


def test_one_bad_frame_is_named(tmp_path: Path) -> None:
    openpose(tmp_path, walkers(25))
    (tmp_path / "take" / "take_000000000003_keypoints.json").write_text("{")
    with pytest.raises(InputError, match=r"take_000000000003_keypoints\.json: is not JSON"):
        found(tmp_path, picture=(WIDTH, HEIGHT))
    yolo_txt()(tmp_path / "txt", walkers(17))
    (tmp_path / "txt" / "take_3.txt").write_text("0 0.5 0.5\n")
    with pytest.raises(InputError, match=r"take_3\.txt: has a line of 3 numbers, expected 5 and 3 for each of"):
        found(tmp_path / "txt")


def test_joints_of_no_layout(tmp_path: Path) -> None:
    openpose(tmp_path, walkers(15))  # OpenPose's MPI
    with pytest.raises(InputError, match="has bodies of 15 joints, known layouts have others: ntu25 25, "):
        found(tmp_path)


def test_from_openpose_folders_to_a_label(
    tmp_path: Path, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but folders, then a description, a store, a trained network, and the label of a new folder."""
    monkeypatch.setenv("STGDN_DATA", str(tmp_path / "data"))
    people = walkers(25)
    for label, take in product(("wave", "bow"), range(4)):
        openpose(tmp_path / "poses" / label / f"day{take}", people[:1])
    source = ("data=custom", "data.source=poses", "workers=1")
    template = run_command("prepare", *source)
    assert template.code == 0, template.err
    (tmp_path / "poses" / "dataset.yaml").write_text(template.out.replace("WIDTH, HEIGHT", f"{WIDTH}, {HEIGHT}"))
    done = run_command("prepare", *source)
    assert "random: 6 training and 2 test clips" in done.out, done.err
    assert "note:" not in done.out
    done = run_command("train", "data=custom", "data.source=poses", "recipe=demo", *TINY)
    assert done.code == 0, done.err
    (run,) = Path("outputs").rglob("demo-seed1*/")
    assert OmegaConf.load(run / "config.yaml").data.reader.picture == [WIDTH, HEIGHT]
    openpose(tmp_path / "new", people[:1])
    for options in ([], [f"picture=[{WIDTH},{HEIGHT}]"]):
        told = run_command("predict", f"run={run}", "clips=new", "format=json", *options)
        assert told.code == 0, told.err
        assert json.loads(told.out)["clips"][0]["clip"] == "take"
    assert run_command("predict", f"run={run}", "clips=new", "picture=640").code == 1
    live = run_command("live", f"run={run}", "input=new", "pace=fast", "every=0.1", "format=json")
    assert {json.loads(line)["label"] for line in live.out.splitlines()} <= {"wave", "bow"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                (
                    *(
                        "people",
                        "image_id",
                        "frame_id",
                        "instances",
                        "keypoints",
                        "keypoint_scores",
                        "x",
                        "y",
                        "visible",
                    ),
                    *(
                        "annotations",
                        "images",
                        "id",
                        "data",
                        "skeleton",
                        "frame_index",
                        "pose",
                        "score",
                        "idx",
                        "width",
                    ),
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=25,
)


@settings(max_examples=300)
@given(content=JSON)
def test_any_json_is_read_or_refused(content: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(content))
    assert form_of(path) in ("", "clip", "frame", "kinetics")
    try:
        assert read_poses(ClipFile("any", str(path))).bodies
    except ClipError as error:
        assert str(error).isprintable()  # noqa: PT017
