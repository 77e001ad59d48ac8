"""A folder of a person's own clips, from files to clips and to a store."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.conftest import Outcome, RunCommand
from tests.data.own_data import NAME, STICK, YAML, csv, folder, moving, npz, read_one

from stgdn.data.clip import ClipError, Reader
from stgdn.data.protocols import Protocol
from stgdn.data.readers.custom.custom_reader import CustomReader
from stgdn.data.readers.custom.recording import MOST_FRAMES
from stgdn.data.readers.custom.template import template
from stgdn.data.readers.nw_ucla import NWUCLAReader
from stgdn.data.store.description import describe, summary
from stgdn.data.store.prepare import prepare
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.skeleton import KINECT20, NTU25


def test_folder_of_both_forms(tmp_path: Path) -> None:
    files = {
        "wave_s1_r1.npz": npz(joints=moving(5, 4, 3)),
        "bow_s3_r1.csv": csv(moving(7, 4, 3, seed=1)),
        "notes.txt": b"none of ours",
        ".hidden_s1_r1.npz": b"",
        "__MACOSX/wave_s1_r1.npz": b"",
    }
    reader: Reader = CustomReader(folder(tmp_path, files))
    survey = reader.survey()
    assert (reader.layout, reader.classes, reader.max_bodies) == (STICK, ("wave", "bow"), 1)
    assert (survey.skipped, survey.expected) == ([], None)
    assert survey.protocols == {"xsub": Protocol("subject", (1, 2))}
    again = pickle.loads(pickle.dumps(reader))  # as `prepare` sends it to worker processes
    bow, wave = (again.read(file) for file in survey.files)
    assert (bow.name, bow.label, bow.subject, bow.replication, bow.camera) == ("bow_s3_r1", 1, 3, 1, -1)
    assert (wave.name, wave.label, wave.subject) == ("wave_s1_r1", 0, 1)
    np.testing.assert_array_equal(wave.joints[0], moving(5, 4, 3).astype(np.float32))
    np.testing.assert_array_equal(bow.joints[0], moving(7, 4, 3, seed=1).astype(np.float32))
    assert bow.present.all()
    assert bow.joints.dtype == np.float32


def test_folders_in_the_folder_are_part_of_the_name(tmp_path: Path) -> None:
    joints = npz(joints=moving(5, 4, 3))
    files = {"wave/day1/s1_take3.npz": joints, "bow/day1/s1_take3.npz": joints, "a/b/c/d/e/s1_take3.npz": b""}
    reader = CustomReader(folder(tmp_path, files, {"pattern": "'{label}/{any}/s{subject}_take{replication}'"}))
    survey = reader.survey()
    assert [file.name for file in survey.files] == ["bow/day1/s1_take3", "wave/day1/s1_take3"]
    assert [(clip.label, clip.replication) for clip in map(reader.read, survey.files)] == [(1, 3), (0, 3)]


def test_what_is_left_out_before_reading(tmp_path: Path) -> None:
    content = npz(joints=moving(5, 4, 3))
    table = b"name,camera\nwave_s1_r1,2\nwave_s9_r9,1"
    files = {
        "wave_s1_r1.npz": content,
        "wave_s1_r1.csv": b"",
        "take1.npz": content,
        "a\nb.npz": b"",
        "clips.csv": table,
    }
    survey = CustomReader(folder(tmp_path, files)).survey()
    assert [file.path[-4:] for file in survey.files] == [".csv", ".npz"]  # always in this order
    assert sorted(reason for _, reason in survey.skipped) == [
        "a character in its name does not print",
        "its name does not fit the pattern of dataset.yaml",
        "listed in clips.csv, but has no file",
    ]


def test_missing_joints_move_linearly_and_rest(tmp_path: Path) -> None:
    joints = moving(6, 4, 3)
    lost = joints.copy()
    lost[[0, 3, 5], 2] = np.nan  # left_hand is seen in frames 1 and 4 only
    lost[2, 2] = 0
    lost[4, 3, 1] = np.nan  # one number of three
    for suffix, content in ((".npz", npz(joints=lost)), (".csv", csv(lost))):
        clip = read_one(tmp_path / suffix, content, suffix)
        hand = clip.joints[0, :, 2]
        np.testing.assert_allclose(hand[0], joints[1, 2], rtol=1e-6)
        np.testing.assert_allclose(hand[2], joints[1, 2] + (joints[4, 2] - joints[1, 2]) / 3, rtol=1e-6)
        np.testing.assert_allclose(hand[3], joints[1, 2] + (joints[4, 2] - joints[1, 2]) * 2 / 3, rtol=1e-6)
        np.testing.assert_allclose(hand[5], joints[4, 2], rtol=1e-6)
        np.testing.assert_allclose(clip.joints[0, 4, 3], (joints[3, 3] + joints[5, 3]) / 2, rtol=1e-6)
        np.testing.assert_allclose(clip.joints[0, :, :2], joints[:, :2], rtol=1e-6)
        assert not clip.remark


def test_joints_never_seen_are_at_their_parents_and_told(tmp_path: Path) -> None:
    joints = moving(5, 4, 3)
    joints[:, [2, 3]] = np.nan
    clip = read_one(tmp_path, npz(joints=joints))
    np.testing.assert_array_equal(clip.joints[0, :, 2:], clip.joints[0, :, [1, 1]].swapaxes(0, 1))
    assert clip.remark == "joints never seen: left_hand, right_hand"


def test_frames_without_a_body_do_not_count(tmp_path: Path) -> None:
    joints = moving(7, 4, 3)
    lost = joints.copy()
    lost[[0, 3]], lost[6] = np.nan, 0
    clip = read_one(tmp_path, npz(joints=lost))
    np.testing.assert_allclose(clip.joints[0], joints[[1, 2, 4, 5]], rtol=1e-6)


def test_zeros_are_places_where_the_file_says_so(tmp_path: Path) -> None:
    joints = moving(5, 4, 3)
    joints[:, 0] = 0  # centred on the hip
    assert read_one(tmp_path, npz(joints=joints)).remark == "joints never seen: hip"
    clip = read_one(tmp_path, npz(joints=joints), zeros="places")
    assert not clip.remark
    np.testing.assert_allclose(clip.joints[0], joints, rtol=1e-6)


def test_most_active_bodies_first(tmp_path: Path) -> None:
    joints = np.stack([moving(6, 4, 3, seed=seed) * scale for seed, scale in enumerate((0.1, 1, 0.5))])
    joints[2, :3] = np.nan
    clip = read_one(tmp_path, npz(joints=joints), bodies="2")
    np.testing.assert_allclose(clip.joints[0], joints[1], rtol=1e-6)
    np.testing.assert_allclose(clip.joints[1, 3:], joints[2, 3:], rtol=1e-6)
    assert clip.present.sum(axis=1).tolist() == [6, 3]


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_a_body_that_goes_on_where_another_ended_is_the_same(tmp_path: Path, suffix: str) -> None:
    joints = 0.4 * moving(9, 4, 3)
    joints[3:6, 2] = np.nan  # a hand is lost around the change of name, and a whole frame
    joints[5] = np.nan
    halves = np.full((2, 9, 4, 3), np.nan)
    halves[0, :4], halves[1, 4:] = joints[:4], joints[4:]
    content = npz(joints=halves)
    if suffix == ".csv":
        content = csv(joints, columns={"frame": list(range(9)), "body": [*"aaaabbbbb"]})
    whole = read_one(tmp_path / "whole", npz(joints=joints))
    for bodies in ("1", "2"):
        clip = read_one(tmp_path / bodies, content, suffix, bodies=bodies)
        np.testing.assert_array_equal(clip.joints, whole.joints)
        assert clip.remark == ""


def test_frames_of_bodies_that_are_not_kept_are_told(tmp_path: Path) -> None:
    joints = np.stack([0.3 * moving(8, 4, 3), 3 + 0.1 * moving(8, 4, 3, seed=1)])
    joints[0, 5:] = np.nan
    both = npz(joints=joints)
    assert read_one(tmp_path, both, bodies="2").remark == ""
    clip = read_one(tmp_path, both)
    assert (clip.present.shape, clip.remark) == ((1, 5), "some frames show only bodies that were not kept")
    joints[1, 5:] = np.nan
    assert read_one(tmp_path, npz(joints=joints)).remark == ""
    (one, other) = (csv(body[:5], columns={"body": name}) for name, body in zip("ab", joints, strict=True))
    untimed = one + b"\n" + other.partition(b"\n")[2]
    assert read_one(tmp_path / "untimed", untimed, ".csv").remark.startswith("bodies were not kept; without a column")
    assert read_one(tmp_path / "untimed", untimed, ".csv", bodies="2").remark == ""


@pytest.mark.parametrize(("units", "factor"), [("metres", 1), ("centimetres", 100), ("millimetres", 1000)])
@pytest.mark.parametrize(
    ("up", "head_first"),
    [
        *(("y", (0, 1, 0)), ("-y", (0, -1, 0)), ("z", (0, 0, 1))),
        *(("-z", (0, 0, -1)), ("x", (1, 0, 0)), ("-x", (-1, 0, 0))),
    ],
)
def test_units_and_axes(tmp_path: Path, units: str, factor: int, up: str, head_first: tuple[int, ...]) -> None:
    joints = moving(4, 4, 3)
    joints[:, 1] = joints[:, 0] + head_first  # the chest 1 m above the hip
    clip = read_one(tmp_path, npz(joints=joints * factor), units=units, up=f"'{up}'")
    trunk = clip.joints[0, :, 1] - clip.joints[0, :, 0]
    np.testing.assert_allclose(trunk, np.tile([0, 1, 0], (4, 1)), atol=1e-5)
    volume = np.linalg.det(joints[:, 1:] - joints[:, :1])  # keeps its sign if left stays left
    np.testing.assert_allclose(np.linalg.det(clip.joints[0, :, 1:] - clip.joints[0, :, :1]), volume, rtol=1e-3)


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_picture_in_pixels(tmp_path: Path, suffix: str) -> None:
    pixels, sure = moving(5, 4, 2) * 100, moving(5, 4, seed=1)
    sure[2, 3] = 0
    pixels[3, 3] = 0
    content = npz(joints=pixels, confidence=sure)
    if suffix == ".csv":
        names = [f"{joint}_{axis}" for joint in STICK.joints for axis in ("x", "y", "confidence")]
        content = csv(np.concatenate([pixels, sure[..., None]], axis=-1), ",".join(names))
    clip = read_one(tmp_path, content, suffix, units="picture", picture="[640, 480]")
    expected = np.concatenate([pixels / [640, 480] - 0.5, sure[..., None]], axis=-1)
    expected[[2, 3], 3] = 0
    np.testing.assert_allclose(clip.joints[0], expected, rtol=1e-5)


def test_picture_in_shares(tmp_path: Path) -> None:
    shares = moving(5, 4, 2) / 2
    clip = read_one(tmp_path, npz(joints=shares), units="picture")
    np.testing.assert_allclose(clip.joints[0, ..., :2], shares - 0.5, rtol=1e-5)
    assert (clip.joints[0, ..., 2] == 1).all()
    with pytest.raises(ClipError, match=r"up to 1,2.. are no shares of a picture: say `picture"):
        read_one(tmp_path, npz(joints=moving(5, 4, 2) * 1000 + 100), units="picture")
    with pytest.raises(ClipError, match="no pixels: without `picture`"):
        read_one(tmp_path, npz(joints=shares), units="picture", picture="[640, 480]")


def test_a_known_layout(tmp_path: Path) -> None:
    skeleton = {"name": "", "joints": "", "bones": "", "mirrored": "", "layout": "ntu25"}
    assert read_one(tmp_path, npz(joints=moving(3, 25, 3)), **skeleton).joints.shape == (1, 3, 25, 3)
    reader = CustomReader(tmp_path)
    reader.survey()
    assert reader.layout == NTU25


@pytest.mark.parametrize(
    ("joints", "reason"),
    [
        (np.zeros((5, 4, 3)), "no body in any frame"),
        (np.full((5, 4, 3), np.nan), "no body in any frame"),
        (np.full((5, 4, 3), np.inf), "a coordinate beyond 60,000 metres"),
        (np.full((5, 4, 3), 1e300), "a coordinate beyond 60,000 metres"),
        (np.zeros((0, 4, 3)), "no frame"),
        (np.zeros((5, 5, 3)), r"shape \(5, 5, 3\), expected \(frames, 4, 3\)"),
        (np.ones((MOST_FRAMES + 1, 4, 3), np.float16), "1 bodies and 100,001 frames, at most 100 and 100,000 are read"),
    ],
)
def test_clips_that_cannot_be_used(tmp_path: Path, joints: np.ndarray, reason: str) -> None:
    with pytest.raises(ClipError, match=reason):
        read_one(tmp_path, npz(joints=joints))


@pytest.mark.parametrize("frames", [1, 2, MOST_FRAMES])
def test_short_and_long_clips(tmp_path: Path, frames: int) -> None:
    assert read_one(tmp_path, npz(joints=np.full((frames, 4, 3), 0.5, np.float32))).joints.shape == (1, frames, 4, 3)


def test_real_clips_are_the_same_as_by_their_own_reader(tmp_path: Path, shared_data: Path) -> None:
    known = NWUCLAReader(shared_data / "NW-UCLA.zip")
    files, clips = {}, {}
    for file in known.survey().files[::400]:
        clip = clips[file.name] = known.read(file)
        columns = ",".join(f"{joint}_{axis}" for joint in known.layout.joints for axis in "xyz")
        rows = "\n".join(",".join(map(repr, pose.ravel().tolist())) for pose in clip.joints[0])
        files[f"{file.name}.csv"] = f"{columns}\n{rows}\n".encode()
    changes = dict.fromkeys(("name", "joints", "bones", "mirrored"), "") | {
        "layout": "kinect20",
        "classes": str(list(known.classes)),
        "pattern": "'a{any}_s{subject}_e{replication}_v{camera}'",
    }
    table = "name,label\n" + "".join(f"{name},{known.classes[clip.label]}\n" for name, clip in clips.items())
    reader = CustomReader(folder(tmp_path, files | {"clips.csv": table.encode()}, changes))
    found = {file.name: reader.read(file) for file in reader.survey().files}
    assert found.keys() == clips.keys()
    for name, clip in clips.items():
        np.testing.assert_array_equal(found[name].joints, clip.joints)
        facts = [(one.label, one.subject, one.camera, one.replication) for one in (found[name], clip)]
        assert facts[0] == facts[1]


def test_no_folder_and_no_clip(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'.*nowhere' is not there: data.source=FOLDER names a folder"):
        CustomReader(tmp_path / "nowhere").survey()
    (tmp_path / "set.zip").write_bytes(b"")
    with pytest.raises(InputError, match=r"'.*set.zip' is a file"):
        CustomReader(tmp_path / "set.zip").survey()
    with pytest.raises(InputError, match=r"'.*dataset.yaml' cannot be read \(No such file"):
        CustomReader(tmp_path).survey()
    with pytest.raises(InputError, match=r"no \.npz or \.csv file in"):
        CustomReader(folder(tmp_path, {})).survey()


def test_wrong_units_are_told(tmp_path: Path) -> None:
    source = folder(tmp_path / "raw", {f"{NAME}.npz": npz(joints=moving(5, 4, 3) * 1000)})
    with pytest.raises(InputError, match=r"people measure 0.1 to 10"):
        prepare(CustomReader(source), tmp_path / "store", "stick", source=str(source), workers=1)


def test_prepared_without_code(tmp_path: Path, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STGDN_DATA", str(tmp_path / "data"))
    files = {
        f"{label}_s{subject}_r{take}.npz": npz(joints=moving(9, 4, 3, seed=7 * subject + take) * scale)
        for label, scale in (("wave", 1.0), ("bow", 0.5))
        for subject in (1, 2, 3)
        for take in range(4)
    }
    source = folder(tmp_path / "raw", files | {"wave_s1_r9.npz": b"torn"})
    done = run_command("prepare", "data=custom", "data.name=stick", f"data.source={source}", "workers=1")
    assert done.code == 0, done.err
    assert "stick: 24 clips of 2 classes" in done.out
    assert "xsub: 16 training and 8 test clips" in done.out
    assert "left out 1: is no .npz that can be read" in done.out
    store = Store(tmp_path / "data" / "prepared" / "stick")
    assert (store.layout, store.header.classes, list(store.protocols)) == (STICK, ["wave", "bow"], ["xsub"])
    np.testing.assert_array_equal(store.joints(0)[0], (moving(9, 4, 3, seed=7) * 0.5).astype(np.float32))
    shutil.rmtree(source)  # a store that is there does not need its source
    assert run_command("prepare", "data=custom", "data.name=stick", "verify=true").code == 0


def test_a_changed_description_starts_anew(tmp_path: Path) -> None:
    files = {f"wave_s{subject}_r1.npz": npz(joints=moving(5, 4, 3) * 1000) for subject in (1, 2, 3)}
    source, store = folder(tmp_path / "raw", files), tmp_path / "store"
    with pytest.raises(InputError, match=r"people measure 0.1 to 10"):
        prepare(CustomReader(source), store, "stick", source=str(source), workers=1)
    folder(source, {}, {"units": "millimetres", "synthetic": "true"})
    prepared = prepare(CustomReader(source), store, "stick", source=str(source), workers=1)
    np.testing.assert_allclose(prepared.joints(0)[0], moving(5, 4, 3), rtol=1e-5)
    assert prepared.header.synthetic


def test_garbled_description_ends_the_command_in_a_sentence(tmp_path: Path, run_command: RunCommand) -> None:
    (tmp_path / "dataset.yaml").write_text(YAML.replace("joints:", "jionts:"))
    done = run_command("prepare", "data=custom", f"data.source={tmp_path}")
    assert done.code == 1
    assert "unknown key 'jionts', allowed: name, layout, joints" in done.err
    assert "did you mean 'joints'?" in done.err
    assert "Traceback" not in done.err


def prepared_stick(run_command: RunCommand, source: Path, *options: str) -> Outcome:
    """Prepare the folder `source`."""
    return run_command("prepare", "data=custom", "data.name=stick", f"data.source={source}", "workers=1", *options)


def test_mended_files_are_read_again(tmp_path: Path, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips in millimetres are refused, and read once they are in metres."""
    monkeypatch.setenv("STGDN_DATA", str(tmp_path / "data"))

    def write(scale: float) -> Path:
        joints = {subject: moving(5, 4, 3, seed=subject) * scale for subject in (1, 2, 3)}
        return folder(tmp_path / "raw", {f"wave_s{subject}_r1.npz": npz(joints=j) for subject, j in joints.items()})

    refused = prepared_stick(run_command, write(1000))
    assert refused.code == 1
    assert "people measure 0.1 to 10" in refused.err
    mended = prepared_stick(run_command, write(1))
    assert mended.code == 0, mended.err
    assert "stick: 3 clips" in mended.out


def test_a_refusal_lists_what_was_skipped(
    tmp_path: Path, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STGDN_DATA", str(tmp_path / "data"))
    source = folder(tmp_path / "raw", {"wave_s1_r1.npz": npz(joints=moving(5, 4, 3)), "wave_s2_r1.npz": b"torn"})
    refused = prepared_stick(run_command, source)
    assert refused.code == 1
    listed = tmp_path / "data" / "prepared" / "stick.partial" / "skipped.tsv"
    assert f"check what {listed} lists" in refused.err
    assert listed.read_text().startswith("wave_s2_r1\tis no .npz that can be read")


def test_another_source_is_not_taken_for_the_one_prepared(
    tmp_path: Path, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STGDN_DATA", str(tmp_path / "data"))
    files = {f"wave_s{subject}_r1.npz": npz(joints=moving(5, 4, 3, seed=subject)) for subject in (1, 2, 3)}
    first, other = folder(tmp_path / "a", files), folder(tmp_path / "b", files)
    assert prepared_stick(run_command, first).code == 0
    assert prepared_stick(run_command, first).code == 0
    for command in ("prepare", "train"):
        refused = run_command(command, "data=custom", "data.name=stick", f"data.source={other}")
        assert refused.code == 1
        assert f"was made of {first}, not of {other}: name another folder with data.store, or prepare" in refused.err
        assert "overwrite=true" in refused.err
    assert prepared_stick(run_command, other, "overwrite=true").code == 0
    assert Store(tmp_path / "data" / "prepared" / "stick").header.source == str(other)


def test_a_description_that_has_changed_since_is_told(
    tmp_path: Path, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STGDN_DATA", str(tmp_path / "data"))
    files = {f"wave_s{subject}_r1.npz": npz(joints=moving(5, 4, 3, seed=subject)) for subject in (1, 2, 3)}
    source = folder(tmp_path / "raw", files)
    assert prepared_stick(run_command, source).code == 0
    folder(source, {}, {"classes": "[wave, nod]"})
    for command in ("prepare", "train"):
        refused = run_command(command, "data=custom", "data.name=stick", f"data.source={source}")
        assert refused.code == 1
        assert f"{source / 'dataset.yaml'} has changed since the store" in refused.err
    assert prepared_stick(run_command, source, "overwrite=true").code == 0


def test_subjects_may_be_words(tmp_path: Path) -> None:
    changes = {
        "subjects": "[anna, ben]",
        "pattern": "'{label}_{subject}_r{replication}'",
        "splits": "{x: {subject: ben}}",
    }
    files = {f"{name}.npz": npz(joints=moving(5, 4, 3)) for name in ("wave_anna_r1", "bow_ben_r1", "bow_1_r1")}
    reader = CustomReader(folder(tmp_path, files, changes))
    survey = reader.survey()
    assert [(clip.label, clip.subject) for clip in map(reader.read, survey.files)] == [(1, 2), (0, 1)]
    assert [name for name, _ in survey.skipped] == ["bow_1_r1"]
    (tmp_path / "clips.csv").write_text("name,subject\nwave_anna_r1,bea\n")
    reader.open_dataset()
    with pytest.raises(ClipError, match=r"unknown subject 'bea'; is it 'ben'\? \(`subjects` in dataset\.yaml\)"):
        reader.read(survey.files[1])


def test_every_clip_may_have_its_own_picture(tmp_path: Path) -> None:
    pixels = moving(5, 4, 2) * 100
    size = {"picture_width": 320, "picture_height": 240}
    files = {"wave_s1_r1.npz": npz(joints=pixels), "wave_s2_r1.npz": npz(joints=pixels, **size)}
    source = folder(tmp_path, files, {"units": "picture", "picture": "[640, 480]"})
    for reader, sizes in (
        (CustomReader(source), [(640, 480), (320, 240)]),
        (CustomReader(source, picture=[1280, 720]), [(1280, 720), (320, 240)]),
    ):
        survey = reader.survey()
        assert survey.described["picture"] == list(sizes[0])
        for file, own in zip(survey.files, sizes, strict=True):
            np.testing.assert_allclose(reader.read(file).joints[0, ..., :2], pixels / own - 0.5, rtol=1e-5)
    with pytest.raises(InputError, match=r"'picture' must be \[width, height\]"):
        CustomReader(source, picture=640)


def test_a_folder_without_a_description_gets_a_template(
    tmp_path: Path, run_command: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STGDN_DATA", str(tmp_path / "data"))
    source, joints = tmp_path / "raw", moving(9, 4, 3)
    for label in ("wave", "bow"):
        for take in range(5):
            (source / label).mkdir(parents=True, exist_ok=True)
            (source / label / f"{take}.csv").write_bytes(csv(joints * (1 + take), columns={"frame": list(range(9))}))
    told = prepared_stick(run_command, source)
    assert told.code == 0, told.err
    assert f"# {source} has no dataset.yaml, but 10 clips; in 10 read: 4 joints," in told.out
    assert "# up to 9 frames, from [0.2" in told.out
    assert not (tmp_path / "data").exists()
    (source / "dataset.yaml").touch()  # as `> dataset.yaml` makes it before the command begins
    filled = prepared_stick(run_command, source).out.replace("bones: []", "bones: [[chest, hip]]")
    (source / "dataset.yaml").write_text(filled)
    done = prepared_stick(run_command, source)
    assert done.code == 0, done.err
    assert "random: 8 training and 2 test clips" in done.out
    assert "note: no bone connects left_hand, right_hand: they hang on hip" in done.out


def test_a_template_says_what_is_there(tmp_path: Path) -> None:
    assert template(tmp_path / "nowhere") == template(tmp_path) == ""
    joints = np.zeros((6, 20, 3))
    joints[..., 2] = [1 if name in ("head", "left_shoulder") else 0.2 for name in KINECT20.joints]
    (tmp_path / "a_1.npz").write_bytes(npz(joints=joints + 0.01 * moving(6, 20, 3)))
    (tmp_path / "b_1.npz").write_bytes(b"torn")
    text = template(tmp_path)
    assert yaml.safe_load(text)["layout"] == "kinect20"
    assert "up seems to be z" in text
    assert "up: z" in text
    assert "classes: [FIRST, SECOND]" in text
    (tmp_path / "a_1.npz").unlink()
    with pytest.raises(InputError, match=r"no clip of .* can be read \(b_1\.npz: is no \.npz that can be read"):
        template(tmp_path)
    (tmp_path / "dataset.yml").touch()
    assert template(tmp_path) == "", "a file of nearly the right name is a mistake, which is told"


@pytest.mark.parametrize(("up", "sign"), [("y", 1), ("-y", -1)])
def test_a_set_that_stands_upside_down_is_told_so(tmp_path: Path, up: str, sign: int) -> None:
    heights = [sign if name == "head" else 0.9 * sign if "shoulder" in name else 0.1 * sign for name in KINECT20.joints]
    joints = 0.01 * moving(6, 20, 3)
    joints[..., 1] += heights
    skeleton = dict.fromkeys(("name", "joints", "bones", "mirrored"), "") | {"layout": "kinect20"}
    files = {f"wave_s{subject}_r1.npz": npz(joints=joints) for subject in (1, 3)}
    for chosen in ("y", up):
        source = folder(tmp_path / "raw", files, skeleton | {"up": f"'{chosen}'"})
        store = prepare(CustomReader(source), tmp_path / chosen, "x", source=str(source), workers=1)
        assert ("most bodies stand upside down: `up` in" in summary(store, "xsub")) == (chosen != up)
        assert any("upside down" in note for note in describe(store, None).notes) == (chosen != up)
