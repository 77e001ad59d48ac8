"""`dataset.yaml`: what it may say, and what each mistake is answered with."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.own_data import STICK, YAML, folder

from stgdn.data.protocols import Protocol
from stgdn.data.readers.custom.dataset_yaml import MOST_BYTES, MOST_JOINTS, Dataset, plain_yaml, read_dataset
from stgdn.errors import InputError


def dataset(place: Path, **changes: str) -> Dataset:
    return read_dataset(folder(place, {}, changes))


def test_defaults(tmp_path: Path) -> None:
    found = dataset(tmp_path)
    assert found.layout == STICK
    assert found.classes == ("wave", "bow")
    assert (found.first_label, found.bodies, found.unit, found.up, found.picture) == (0, 1, 1.0, "y", None)
    assert found.zeros_missing
    assert found.splits == {"xsub": Protocol("subject", (1, 2))}


def test_words_stay_words(tmp_path: Path) -> None:
    found = dataset(tmp_path, classes="[no, yes, 1, 2.50, 2024-01-01, null]")
    assert found.classes == ("no", "yes", "1", "2.50", "2024-01-01", "null")


def test_the_first_split_is_the_usual_one(tmp_path: Path) -> None:
    splits = "{xview: {camera: 2}, fixed: {setup: [1]}, xsub: {subject: [0, 7]}}"
    found = dataset(tmp_path, splits=splits, bodies="2", first_label="1", zeros="places", centre="chest")
    assert list(found.splits.items()) == [
        ("xview", Protocol("camera", (2,))),
        ("fixed", Protocol("setup", (1,))),
        ("xsub", Protocol("subject", (0, 7))),
    ]
    assert (found.bodies, found.first_label, found.zeros_missing, found.layout.centre) == (2, 1, False, 1)


def test_plain_yaml_is_yaml() -> None:
    assert plain_yaml(YAML.encode()) == yaml.load(YAML, yaml.BaseLoader)
    assert plain_yaml(b"\xef\xbb\xbfname: x") == {"name": "x"}
    assert plain_yaml(b"") == ""


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"unit": "metres"}, "unknown key 'unit', allowed: .*; did you mean 'units'"),
        ({"units": ""}, "has no 'units', which is needed"),
        ({"units": "mm"}, "unknown value of 'units' 'mm', allowed: metres, centimetres, millimetres, picture"),
        ({"units": "[metres]"}, "'units' must be one word"),
        ({"up": "w"}, "unknown value of 'up' 'w', allowed: y, -y, z"),
        ({"up": "z", "units": "picture"}, ".*leave it out"),
        ({"picture": "[640, 480]"}, ".*leave it out"),
        ({"picture": "640x480", "units": "picture"}, r"'picture' must be \[width, height\]"),
        ({"picture": "[0, 480]", "units": "picture"}, "a size in 'picture' is '0', allowed are whole numbers from 1"),
        ({"zeros": "nothing"}, "unknown value of 'zeros' 'nothing', allowed: missing, places"),
        ({"classes": ""}, "has no 'classes'"),
        ({"classes": "[wave]"}, "'classes' must be a list of two or more names, each of them once"),
        ({"classes": "[wave, wave]"}, "'classes' must be"),
        ({"classes": "[wave, [bow]]"}, "'classes' must be"),
        ({"classes": "wave"}, "'classes' must be"),
        ({"bodies": "0"}, "'bodies' is '0', allowed are whole numbers from 1 to 100"),
        ({"bodies": "two"}, "'bodies' is 'two', allowed"),
        ({"first_label": "2"}, "'first_label' is '2', allowed are whole numbers from 0 to 1"),
        ({"splits": ""}, "has no 'splits'"),
        ({"splits": "xsub"}, "'splits' must name at least one"),
        ({"splits": "{xsub: {subject: []}}"}, "'splits' must name at least one and what trains"),
        ({"splits": "{xsub: [1, 2]}"}, "split 'xsub' must say one thing"),
        ({"splits": "{xsub: {subject: 1, camera: 2}}"}, "split 'xsub' must say one thing"),
        ({"splits": "{xsub: {subjects: [1]}}"}, "unknown kind of split 'xsub' 'subjects', .*did you mean 'subject'"),
        ({"splits": "{xsub: {subject: [anna]}}"}, "a subject of split 'xsub' is 'anna', allowed are whole numbers"),
        ({"splits": "{xsub: {subject: [anna]}}", "subjects": "[anne, ben]"}, ".*'anna'.*did you mean 'anne'"),
        ({"subjects": "anna"}, "'subjects' must be a list of one or more names, each of them once"),
        ({"splits": "{random: {share: 1}}"}, "a share of split 'random' is '1', allowed are numbers between 0 and 1"),
        ({"splits": "{random: {share: [.5, .5]}}"}, "a share of split 'random' is .*allowed are numbers"),
        ({"splits": "{random: {share: 0.0}}"}, "a share of split 'random' is '0.0'"),
        ({"splits": "{fixed: {name: [[a]]}}"}, "'a name of split 'fixed'' must be one word"),
        ({"splits": "{a b: {subject: [1]}}"}, "split 'a b' must be called with letters"),
        ({"pattern": "[a]"}, "'pattern' must be one word"),
        ({"pattern": "'{who}_{label}'"}, "unknown field of the pattern .* 'who', allowed: label"),
        ({"layout": "ntu25"}, "has both 'layout' and 'joints'"),
        ({"joints": "hip"}, "needs 'joints', a list of at most 1,000, or 'layout'"),
        ({"joints": "[hip, hip]"}, "joint layout 'stick' has two joints called 'hip'"),
        ({"bones": "[[chest, hip], [left_hand, chset]]"}, "unknown joint .*'chset'.*did you mean 'chest'"),
        ({"bones": "[[chest, hip], [hip, chest]]"}, "joint layout 'stick': the bones from joint 'chest' go around"),
        ({"name": "ntu25"}, "joint layout 'ntu25' is known already"),
        ({"mirrored": "[left_hand]"}, "'mirrored' of joint layout 'stick' must be pairs"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, changes: dict[str, str], sentence: str) -> None:
    with pytest.raises(InputError, match=rf"dataset.yaml': {sentence}"):
        dataset(tmp_path, **changes)


def test_known_layouts_and_pictures_must_fit(tmp_path: Path) -> None:
    own = dict.fromkeys(("name", "joints", "bones", "mirrored"), "")
    assert dataset(tmp_path, **own, layout="coco17", units="picture").layout.planar
    with pytest.raises(InputError, match="layout coco17 is one in the picture: say `units: picture`"):
        dataset(tmp_path, **own, layout="coco17")
    with pytest.raises(InputError, match="layout ntu25 is not one in the picture: say `units: metres`"):
        dataset(tmp_path, **own, layout="ntu25", units="picture")
    with pytest.raises(InputError, match=r"unknown joint layout 'ntu52'.*did you mean 'ntu25'"):
        dataset(tmp_path, **own, layout="ntu52")


LEVELS = zip("abcdefgh", "bcdefghi", strict=True)
BOMB = "a: &a [x, x]\n" + "".join(f"{new}: &{new} [*{old}, *{old}]\n" for old, new in LEVELS)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "holds no keys"),
        (b"- a\n- b", "holds no keys"),
        (b"name: [a", "is not YAML in line 1: \"expected ',' or"),
        (b"name: a\n---\nname: b", "is not YAML in line 2: 'but found another document"),
        (b"name: \xff", "is not UTF-8 text"),
        (b"name: a\nname: b", "line 2 has a key twice"),
        (b"? [a, b]\n: c", "line 1 has a key twice, or one that is no word"),
        (b'name: "a\\nb"', ".*one that does not print"),
        (b'name: "\\ud800"', ".*one that does not print"),
        (b"name: " + 300 * b"a", ".*more than 200 characters"),
        (b"name: !!python/object/apply:os.system [ls]", "line 1 has the tag tag:yaml.org,2002:python/object/apply"),
        (b"units: metres\nname: !mine x", "line 2 has the tag !mine"),
        (BOMB.encode(), "line 2 has an alias"),
        (b"[" * 50_000, "line 1 has more than 8 levels"),
        (b"#" * (MOST_BYTES + 1), "has more than 128 kB"),
    ],
)
def test_garbled_files(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "dataset.yaml").write_bytes(content)
    with pytest.raises(InputError, match=f"dataset.yaml': {sentence}") as told:
        read_dataset(tmp_path)
    assert len(str(told.value)) < 500


def test_too_many_joints(tmp_path: Path) -> None:
    joints = ", ".join(f"j{number}" for number in range(MOST_JOINTS + 1))
    with pytest.raises(InputError, match="needs 'joints', a list of at most 1,000"):
        dataset(tmp_path, joints=f"[{joints}]")


LINES = st.sampled_from([*YAML.splitlines(), "layout: ntu25", "splits: {a: {camera: 1}}", "bodies: 3", "up: z", "- a"])


@settings(max_examples=60)
@given(
    content=st.binary(max_size=80) | st.lists(LINES | st.text(max_size=20)).map(lambda made: "\n".join(made).encode())
)
def test_any_bytes_are_read_or_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.getbasetemp() / "any"
    place.mkdir(exist_ok=True)
    (place / "dataset.yaml").write_bytes(content)
    try:
        said = read_dataset(place).layout.name
    except InputError as error:
        said = str(error)
    assert said.isprintable()


@pytest.mark.parametrize("name", ["dataset.yml", "Dataset.yaml", "DATASET.YML"])
def test_a_file_of_nearly_this_name_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("classes: [a, b]")
    with pytest.raises(InputError, match=rf"there is no '.*dataset\.yaml': call '{name}' beside it dataset\.yaml"):
        read_dataset(tmp_path)


def test_subjects_may_be_words_and_splits_names_or_a_share(tmp_path: Path) -> None:
    splits = "{xsub: {subject: [carl, anna]}, fixed: {name: [wave/a, 'bow/*']}, random: {share: .8}}"
    found = dataset(tmp_path, subjects="[anna, ben, carl]", splits=splits, pattern="'{label}_{subject}_r{replication}'")
    assert found.subjects == ("anna", "ben", "carl")
    assert list(found.splits.values()) == [
        Protocol("subject", (3, 1)),
        Protocol("name", ("wave/a", "bow/*")),
        Protocol("share", (0.8,)),
    ]
    assert found.pattern is not None
    assert [found.pattern.fullmatch(name) is not None for name in ("bow_ben_r1", "bow_b_r1", "bow_1_r1")] == [
        True,
        False,
        False,
    ]


def test_joints_that_no_bone_connects_are_known(tmp_path: Path) -> None:
    assert dataset(tmp_path).loose_joints == ()
    found = dataset(tmp_path, bones="[[left_hand, chest], [chest, hip]]")
    assert (found.loose_joints, found.layout.parents) == (("right_hand",), (0, 0, 1, 0))
