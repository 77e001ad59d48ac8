"""Raw files in folders and zips: found once, read as they are, never unpacked."""

import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stgdn.data.clip import ClipError, ClipFile
from stgdn.data.readers.ntu.ntu_reader import NTUReader
from stgdn.data.readers.raw_files import find_files, load_once, read_bytes
from stgdn.data.store.prepare import prepare
from stgdn.data.synthetic.demo_set import write_demo
from stgdn.errors import InputError


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few raw NTU files of synthetic people."""
    folder = tmp_path_factory.mktemp("raw") / "demo"
    write_demo(folder, subjects=(1, 3), replications=1, actions=(1, 50))
    return folder


def pack(path: Path, files: list[Path], inside: str = "nturgb+d_skeletons") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, f"{inside}/{file.name}")
    return path


def test_official_zips_give_the_clips_that_their_files_give(raw: Path, tmp_path: Path) -> None:
    files = sorted(raw.glob("*.skeleton"))
    pack(tmp_path / "nturgbd_skeletons_s001_to_s017.zip", files[:5])
    pack(tmp_path / "nturgbd_skeletons_s018_to_s032.zip", files[5:], inside=".")
    unpacked, packed = NTUReader(raw), NTUReader(tmp_path)
    surveyed, zipped = unpacked.survey().files, packed.survey().files
    assert [file.name for file in zipped] == [file.name for file in surveyed] == [file.stem for file in files]
    for one, other in zip(surveyed, zipped, strict=True):
        np.testing.assert_array_equal(unpacked.read(one).joints, packed.read(other).joints)


def test_one_zip_can_be_named(raw: Path, tmp_path: Path) -> None:
    archive = pack(tmp_path / "some.zip", sorted(raw.glob("*.skeleton"))[:2])
    assert len(NTUReader(archive).survey().files) == 2


def test_files_come_before_zips_and_all_in_the_order_of_their_paths(raw: Path, tmp_path: Path) -> None:
    file = sorted(raw.glob("*.skeleton"))[0]
    pack(tmp_path / "some.zip", [file])
    (tmp_path / file.name).write_bytes(file.read_bytes())
    packed = pack(tmp_path / "other.zip", [file])
    places = [found.location for found in NTUReader(tmp_path).survey().files]
    inside = f"nturgb+d_skeletons/{file.name}"
    assert places == [str(tmp_path / file.name), f"{packed}:{inside}", f"{tmp_path}/some.zip:{inside}"]


def test_members_that_point_outside_are_not_followed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../../escaped.skeleton", "0")
        archive.writestr("../escaped.skeleton", "0")
    for file in find_files(tmp_path / "evil.zip", ".skeleton"):
        assert read_bytes(file, 100) == b"0"
    assert not list(tmp_path.parent.rglob("escaped.skeleton"))


def test_half_a_zip_is_told(raw: Path, tmp_path: Path) -> None:
    archive = pack(tmp_path / "half.zip", sorted(raw.glob("*.skeleton")))
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    with pytest.raises(InputError, match="not a zip that can be read"):
        NTUReader(tmp_path).survey()


def test_what_is_not_a_zip_is_told(tmp_path: Path) -> None:
    (tmp_path / "nturgbd_skeletons_s001_to_s017.zip").write_text("<html>please log in</html>")
    with pytest.raises(InputError, match=r"s001_to_s017\.zip' is not a zip that can be read .*get it"):
        NTUReader(tmp_path).survey()


def encrypt(archive: Path) -> None:
    """Set the flag that says so in both headers of every member."""
    content = bytearray(archive.read_bytes())
    for signature, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + flag] |= 1
            at = content.find(signature, at + 1)
    archive.write_bytes(content)


def test_an_encrypted_zip_is_told_before_any_clip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "locked.zip", "w") as archive:
        archive.writestr("S001C001P001R001A001.skeleton", "0")
    encrypt(tmp_path / "locked.zip")
    with pytest.raises(InputError, match=r"locked\.zip' is encrypted: unpack it with its password and name the folder"):
        find_files(tmp_path, ".skeleton")


def test_an_encrypted_member_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "locked.zip", "w") as archive:
        archive.writestr("locked.skeleton", "0")
    encrypt(tmp_path / "locked.zip")
    with pytest.raises(ClipError, match=r"cannot be read: .*encrypted"):
        read_bytes(ClipFile("locked", str(tmp_path / "locked.zip"), "locked.skeleton"), 100)


def test_a_name_twice_in_a_zip_is_stored_once(raw: Path, tmp_path: Path) -> None:
    file = sorted(raw.glob("*.skeleton"))[0]
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.write(file, file.name)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.write(file, file.name)
    store = prepare(NTUReader(tmp_path), tmp_path / "store", "ntu60", source="here", workers=1)
    assert store.clips["name"].tolist() == [file.stem]


def test_files_of_other_data_sets_are_left_alone(raw: Path, tmp_path: Path) -> None:
    """A folder may hold NTU files, NW-UCLA's and anything else; what only has the name of an NTU file is told."""
    file = sorted(raw.glob("*.skeleton"))[0]
    (tmp_path / file.name).write_bytes(file.read_bytes())
    clip = '{"file_name": "a01_s01_e00_v01", "skeletons": [[[0.1, 0.2, 2.5]]], "label": 1}'
    for name in ("a01_s01_e00_v01.json", "notes.txt", "S001C001P001R001A002.skeleton"):
        (tmp_path / name).write_text(clip)
    with zipfile.ZipFile(tmp_path / "NW-UCLA.zip", "w") as archive:
        archive.writestr("all_sqe/a01_s01_e00_v01.json", clip)
    reader = NTUReader(tmp_path)
    survey = reader.survey()
    assert sorted(found.name for found in survey.files) == sorted([file.stem, "S001C001P001R001A002"])
    assert survey.skipped == []
    with pytest.raises(ClipError, match="stands where the number of frames should"):
        reader.read(next(found for found in survey.files if found.name.endswith("R001A002")))


def test_a_folder_of_another_data_set_is_told(tmp_path: Path) -> None:
    (tmp_path / "a01_s01_e00_v01.json").write_text("{}")
    with pytest.raises(InputError, match=r"no \.skeleton file in"):
        NTUReader(tmp_path).survey()


def test_a_zip_bomb_is_cut_off(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.skeleton", b"0" * 3_000_000)
    with pytest.raises(ClipError, match="no clip has more than 1 MB"):
        read_bytes(ClipFile("bomb", str(tmp_path / "bomb.zip"), "bomb.skeleton"), 1 << 20)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_unpacks_without_bound_is_refused(tmp_path: Path, method: int) -> None:
    """Python unpacks such a member as a whole, whatever is asked for: a few kilobytes may become gigabytes."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("bomb.skeleton", bytes(40 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(ClipError, match="compressed in another way than by deflate"):
            read_bytes(ClipFile("bomb", str(path), "bomb.skeleton"), 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    with pytest.raises(InputError, match=r"bomb\.zip' is compressed in another way than by deflate: unpack it"):
        find_files(tmp_path, ".skeleton")
    assert find_files(tmp_path, ".json") == []


def test_a_file_is_loaded_once_until_it_changes(tmp_path: Path) -> None:
    path, loaded = tmp_path / "file", list[str]()

    @load_once(maxsize=2)
    def load(path: Path, word: str) -> str:
        loaded.append(word)
        return word + path.read_text()

    path.write_text("1")
    assert (load(path, "a"), load(path, "a"), load(path, "b")) == ("a1", "a1", "b1")
    path.write_text("23")
    assert load(path, "a") == "a23"
    assert loaded == ["a", "b", "a"]
