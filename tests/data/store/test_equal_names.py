"""Two clips of one name: the first that can be used is in the store with its own joints, the other is told of."""

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.data import own_data
from tests.data.array_files import agcn, forget_files, walk, write_agcn
from tests.data.clips import MakingReader
from tests.data.readers import test_kinetics, test_nw_ucla
from tests.data.readers.ntu import test_ntu_reader as test_ntu
from tests.data.readers.pyskl import test_pyskl_reader as test_pyskl
from tests.data.readers.test_raw_files import pack

from stgdn.data.clip import Clip, ClipFile, Reader
from stgdn.data.readers.arrays.agcn_arrays import AGCNArrayReader
from stgdn.data.readers.custom.custom_reader import CustomReader
from stgdn.data.readers.kinetics import KineticsReader
from stgdn.data.readers.ntu.ntu_reader import NTUReader
from stgdn.data.readers.nw_ucla import NWUCLAReader
from stgdn.data.readers.pyskl.pyskl_reader import PysklReader
from stgdn.data.store.prepare import DUPLICATE_NAME, prepare
from stgdn.data.store.store import Store
from stgdn.data.synthetic.demo_set import write_demo


class Case(NamedTuple):
    """A source in which one name occurs twice.

    Attributes:
        reader: of the source.
        stored: (name, frames) of the clips that should be in the store.
        twice: the name.
        used, left_out: where its two clips are.
    """

    reader: Reader
    stored: list[tuple[str, int]]
    twice: str
    used: str
    left_out: str


def ntu(place: Path) -> Case:
    first, second = "S001C001P001R001A001", "S001C001P001R001A002"
    for file, T in ((f"b/{first}", 5), (f"a/{first}", 8), (f"b/{second}", 6)):
        (place / file).parent.mkdir(exist_ok=True)
        content = test_ntu.raw(test_ntu.walkers([["72057594037931101"]] * T))
        (place / f"{file}.skeleton").write_bytes(content)
    used, left_out = (f"{place}/{folder}/{first}.skeleton" for folder in "ab")
    return Case(NTUReader(place), [(first, 8), (second, 6)], first, used, left_out)


def nw_ucla(place: Path) -> Case:
    name, joints = test_nw_ucla.NAME, test_nw_ucla.JOINTS.round(4).tolist()
    test_nw_ucla.file(place, test_nw_ucla.text(joints))
    members = {name: test_nw_ucla.text(joints[:3]), "a01_s01_e00_v01": test_nw_ucla.text(joints[:2], 1)}
    packed = test_nw_ucla.archive(place / "NW-UCLA.zip", **members)
    stored = [("a01_s01_e00_v01", 2), (name, 5)]
    return Case(NWUCLAReader(place), stored, name, f"{place}/{name}.json", f"{packed}:all_sqe/{name}.json")


def kinetics(place: Path) -> Case:
    long, short = (test_kinetics.clip_text(*[[test_kinetics.person(0.5)]] * T) for T in (6, 4))
    test_kinetics.release(place, {"twice": long}, "kinetics_train")
    test_kinetics.release(place, {"twice": short, "once": short}, "kinetics_val")
    used, left_out = (f"{place}/kinetics_{split}/twice.json" for split in ("train", "val"))
    return Case(KineticsReader(place), [("once", 4), ("twice", 6)], "twice", used, left_out)


def kinetics_listed_twice(place: Path) -> Case:
    """A name that the second label file lists too, without a file: what is said of it must not take the first away."""
    case = kinetics(place)
    (place / "kinetics_val" / "twice.json").unlink()
    return case._replace(used="", left_out="listed in kinetics_val_label.json, but not in the folder kinetics_val")


def own(place: Path) -> Case:
    table, arrays = own_data.csv(own_data.moving(7, 4, 3)), own_data.npz(joints=own_data.moving(5, 4, 3))
    files = {"day1/wave_s1_r1.npz": arrays, "day1/wave_s1_r1.csv": table, "day1/bow_s1_r1.npz": arrays}
    own_data.folder(place, files, {"pattern": "'{any}/{label}_s{subject}_r{replication}'"})
    used, left_out = (f"{place}/day1/wave_s1_r1.{suffix}" for suffix in ("csv", "npz"))
    stored = [("day1/bow_s1_r1", 5), ("day1/wave_s1_r1", 7)]
    return Case(CustomReader(place), stored, "day1/wave_s1_r1", used, left_out)


def annotations(place: Path) -> Case:
    made = [test_pyskl.deep("b"), test_pyskl.deep("a", T=4), test_pyskl.deep("a", T=9)]
    path = test_pyskl.write(place, made)
    return Case(PysklReader(path, "ntu25", None), [("a", 4), ("b", 6)], "a", f"{path}:1", f"{path}:2")


def arrays(place: Path) -> Case:
    forget_files()
    for split, T in (("train", 9), ("val", 6)):
        write_agcn(place, split, agcn(walk(T)[None])[None], ["a"], [1])
    used, left_out = (f"{place}/{split}_data_joint.npy:0" for split in ("train", "val"))
    return Case(AGCNArrayReader(place, "ntu25", 3), [("a", 9)], "a", used, left_out)


@pytest.mark.parametrize("make", [ntu, nw_ucla, kinetics, kinetics_listed_twice, own, annotations, arrays])
def test_the_first_is_stored_and_the_other_told(tmp_path: Path, make: Callable[[Path], Case]) -> None:
    (tmp_path / "source").mkdir()
    case = make(tmp_path / "source")
    store = prepare(case.reader, tmp_path / "store", "made_up", source="here", workers=1)
    assert [(str(clip["name"]), int(clip["length"])) for clip in store.clips] == case.stored
    told = [DUPLICATE_NAME, f"used: {case.used}, left out: {case.left_out}"] if case.used else [case.left_out]
    assert (store.folder / "skipped.tsv").read_text() == "\t".join([case.twice, *told]) + "\n"
    assert store.header.skipped == {told[0]: 1}


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five good NTU files."""
    folder = tmp_path_factory.mktemp("raw") / "demo"
    write_demo(folder, subjects=(1, 3), replications=1, actions=(1, 50))
    return sorted(folder.glob("*.skeleton"))[:5]


def copies(files: Sequence[Path], place: Path) -> Path:
    """A folder with the files."""
    place.mkdir()
    for file in files:
        (place / file.name).write_bytes(file.read_bytes())
    return place


def joints(store: Store) -> dict[str, NDArray[np.float32]]:
    return {str(name): store.joints(index) for index, name in enumerate(store.clips["name"])}


def expect_equal(store: Store, other: Store) -> None:
    expected = joints(other)
    assert joints(store).keys() == expected.keys()
    for name, found in joints(store).items():
        np.testing.assert_array_equal(found, expected[name])


@pytest.fixture
def alone(five: list[Path], tmp_path: Path) -> Store:
    """The store of the five files without anything beside them."""
    raw = copies(five, tmp_path / "alone")
    return prepare(NTUReader(raw), tmp_path / "stores" / "alone", "ntu60", source="here", workers=1)


def test_files_beside_their_zip_are_what_they_are_alone(five: list[Path], tmp_path: Path, alone: Store) -> None:
    pack(copies(five, tmp_path / "both") / "some.zip", five)
    store = prepare(NTUReader(tmp_path / "both"), tmp_path / "store", "ntu60", source="here", workers=1)
    expect_equal(store, alone)
    assert store.header.skipped == {DUPLICATE_NAME: 5}


def test_of_a_first_copy_that_is_torn_the_second_is_stored(five: list[Path], tmp_path: Path, alone: Store) -> None:
    packed = pack(copies(five, tmp_path / "both") / "some.zip", five)
    torn = tmp_path / "both" / five[2].name
    torn.write_bytes(torn.read_bytes()[:5000])
    pack(tmp_path / "both" / "third.zip", five[2:3])
    store = prepare(NTUReader(tmp_path / "both"), tmp_path / "store", "ntu60", source="here", workers=1)
    expect_equal(store, alone)
    lines = [line.split("\t") for line in (store.folder / "skipped.tsv").read_text().splitlines()]
    assert sorted(name for name, reason, *_ in lines if reason == DUPLICATE_NAME) == [file.stem for file in five]
    broken, third = (rest for name, *rest in lines if name == torn.stem)
    assert broken[0].startswith("ends after")
    assert third[1].startswith(f"used: {packed}:")
    assert f"left out: {tmp_path}/both/third.zip:" in third[1]


@dataclass
class InterruptedReader(NTUReader):
    """Is interrupted when it has read so many files."""

    most: int = 0

    def read(self, file: ClipFile) -> Clip:
        if not self.most:
            raise KeyboardInterrupt
        self.most -= 1
        return super().read(file)


@pytest.mark.parametrize("most", [0, 3, 5])
def test_interrupted_it_ends_in_the_same_store(five: list[Path], tmp_path: Path, alone: Store, most: int) -> None:
    raw = copies(five, tmp_path / "both")
    pack(raw / "some.zip", five)
    (raw / five[0].name).write_bytes(b"")  # read from the zip, after all others
    with pytest.raises(KeyboardInterrupt):
        prepare(InterruptedReader(raw, most=most), tmp_path / "store", "ntu60", source="here", workers=1)
    store = prepare(NTUReader(raw), tmp_path / "store", "ntu60", source="here", workers=1)
    expect_equal(store, alone)
    assert store.header.skipped[DUPLICATE_NAME] == 4


def test_what_is_said_of_a_name_takes_no_clip_away(tmp_path: Path) -> None:
    reader = MakingReader(4, unusable=[("clip001", "listed, but has no file")])
    store = prepare(reader, tmp_path / "store", "made_up", source="here", workers=1)
    assert store.clips["name"].tolist() == [f"clip{number:03}" for number in range(4)]


def test_members_of_one_zip(five: list[Path], tmp_path: Path, alone: Store) -> None:
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        for folder in "ab":
            for file in five:
                archive.write(file, f"{folder}/{file.name}")
    store = prepare(NTUReader(tmp_path / "some.zip"), tmp_path / "store", "ntu60", source="here", workers=1)
    expect_equal(store, alone)
