"""From a source to a store: whole, whatever interrupts it and however many processes parse."""

import json
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import ROOT
from tests.data.clips import HEAVY, MakingReader, content
from tests.data.readers.ntu.test_ntu_reader import raw, walkers

from stgdn.data.clip import Clip, ClipFile, Survey
from stgdn.data.readers.ntu.ntu_reader import NTUReader
from stgdn.data.readers.nw_ucla import NWUCLAReader
from stgdn.data.store.prepare import prepare
from stgdn.data.store.store import Store
from stgdn.errors import InputError


@dataclass
class CountingReader(MakingReader):
    """Remembers what it read."""

    read_names: list[str] = field(default_factory=list)

    def read(self, file: ClipFile) -> Clip:
        self.read_names.append(file.name)
        return super().read(file)


def prepared(reader: MakingReader, folder: Path, **options: Any) -> Store:  # noqa: ANN401
    return prepare(reader, folder, "made_up", **{"source": "nowhere", "workers": 1} | options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The store of 40 clips, prepared in one go by one process."""
    folder = tmp_path_factory.mktemp("whole") / "store"
    prepared(MakingReader(40), folder)
    return content(folder)


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes import the reader by its module's name."""
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])


class TestPrepare:
    def test_stores_what_the_reader_reads(self, tmp_path: Path) -> None:
        reader = MakingReader(9, expected=10)
        store = prepared(reader, tmp_path / "store", synthetic=True)
        assert (store.header.dataset, store.header.source, store.header.synthetic) == ("made_up", "nowhere", True)
        assert store.header.expected == 10
        assert store.header.classes == ["walk", "run", "sit"]
        for index, file in enumerate(reader.survey().files):
            read = reader.read(file)
            record = store.clips[index]
            assert (record["name"], record["label"], record["subject"]) == (read.name, read.label, read.subject)
            np.testing.assert_array_equal(store.joints(index)[: len(read.joints)], read.joints)

    @pytest.mark.usefixtures("importable")
    def test_two_processes_make_the_same_store(self, tmp_path: Path, whole: dict[str, bytes]) -> None:
        # only the first process takes notice
        faults = {f"clip{number:03}": "control-c" for number in (0, 17, 39)}
        prepared(MakingReader(40, faults), tmp_path / "store", workers=2)
        assert content(tmp_path / "store") == whole

    def test_a_store_that_is_there_is_kept(self, tmp_path: Path) -> None:
        folder = tmp_path / "store"
        prepared(MakingReader(5), folder)
        before = content(folder)
        reader = CountingReader(9)
        assert len(prepared(reader, folder)) == 5
        assert content(folder) == before
        assert not reader.read_names
        assert len(prepared(reader, folder, overwrite=True)) == 9


class TestInterrupted:
    @pytest.mark.parametrize("at", [0, 1, 17, 39])
    def test_goes_on_where_it_stopped(self, tmp_path: Path, whole: dict[str, bytes], at: int) -> None:
        folder = tmp_path / "store"
        with pytest.raises(KeyboardInterrupt):
            prepared(MakingReader(40, {f"clip{at:03}": "interrupt"}), folder)
        assert not folder.exists()
        reader = CountingReader(40)
        prepared(reader, folder)
        assert reader.read_names == [f"clip{number:03}" for number in range(at, 40)]
        assert content(folder) == whole

    @pytest.mark.usefixtures("importable")
    @pytest.mark.parametrize(
        ("fault", "error", "sentence"),
        [("interrupt", KeyboardInterrupt, None), ("killed", InputError, "the same command with workers=1 goes on")],
    )
    def test_among_several_processes(
        self, tmp_path: Path, whole: dict[str, bytes], fault: str, error: type[BaseException], sentence: str | None
    ) -> None:
        folder = tmp_path / "store"
        with pytest.raises(error, match=sentence):
            prepared(MakingReader(40, {"clip033": fault}), folder, workers=2)
        assert not folder.exists()
        prepared(MakingReader(40), folder)
        assert content(folder) == whole

    def test_while_overwriting_keeps_the_old_store(self, tmp_path: Path, whole: dict[str, bytes]) -> None:
        folder = tmp_path / "store"
        prepared(MakingReader(5), folder)
        with pytest.raises(KeyboardInterrupt):
            prepared(MakingReader(40, {"clip020": "interrupt"}), folder, overwrite=True)
        assert len(prepared(MakingReader(40), folder)) == 5
        prepared(MakingReader(40), folder, overwrite=True)
        assert content(folder) == whole


PROGRAM = """
import sys
import hydra, rich, torch
sys.path.insert(0, {root!r})
from stgdn.data.store.prepare import prepare
from tests.data.clips import MakingReader, ModulesReader

class OwnReader(MakingReader):
    pass

if __name__ == "__main__":
    prepare({reader}(40), {folder!r}, "made_up", source="nowhere", workers={workers})
"""


class TestWorkerProcesses:
    @staticmethod
    def prepare(folder: Path, reader: str, workers: int = 2) -> Store:
        """Prepare in a program that imports what commands do."""
        program = folder.with_name("program.py")
        program.write_text(PROGRAM.format(root=str(ROOT), reader=reader, folder=str(folder), workers=workers))
        subprocess.run([sys.executable, program], check=True, stdout=subprocess.DEVNULL)
        return Store(folder)

    def test_import_what_parsing_needs_alone(self, tmp_path: Path) -> None:
        assert self.prepare(tmp_path / "by one", "ModulesReader", workers=1).header.remarks == {"hydra rich torch": 40}
        assert self.prepare(tmp_path / "by two", "ModulesReader").header.remarks == {"none": 40}

    def test_know_a_reader_of_the_program_itself(self, tmp_path: Path, whole: dict[str, bytes]) -> None:
        self.prepare(tmp_path / "store", "OwnReader")
        assert content(tmp_path / "store") == whole

    def test_no_reader_brings_more(self) -> None:
        code = (
            "import importlib, pkgutil, sys, stgdn.data.readers as readers, stgdn.data.store.parse\n"
            "for module in pkgutil.walk_packages(readers.__path__, 'stgdn.data.readers.'):\n"
            "    importlib.import_module(module.name)\n"
            f"print(*{HEAVY} & sys.modules.keys())"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout == "\n"


SLOW = """
import sys, time
sys.path.insert(0, {root!r})
from stgdn.data.store.prepare import prepare
from tests.data.clips import MakingReader

class SlowReader(MakingReader):
    def read(self, file):
        time.sleep(0.005)
        return super().read(file)

prepare(SlowReader(40), {folder!r}, "made_up", source="nowhere", workers=1, overwrite={overwrite})
"""


class TestKilled:
    """SIGKILL, which no program can catch, at moments of several rounds of one preparation."""

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_at_any_moment_goes_on(self, tmp_path: Path, whole: dict[str, bytes], overwrite: bool) -> None:
        folder = tmp_path / "store"
        if overwrite:
            prepared(MakingReader(5), folder)
        journal, stored = folder.with_name("store.partial") / "journal.jsonl", 0
        for enough in (1, 7, 8, 23, 39):
            code = SLOW.format(root=str(ROOT), folder=str(folder), overwrite=overwrite)
            with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as process:
                while process.poll() is None and (lines(journal) < enough or lines(journal) <= stored):
                    time.sleep(0.001)
                process.kill()
            assert lines(journal) >= stored, "a clip was lost"
            stored = lines(journal)
            assert not (folder / "store.json").exists() or len(Store(folder)) == (5 if overwrite else 40)
        reader = CountingReader(40)
        prepared(reader, folder, overwrite=overwrite)
        assert content(folder) == whole
        assert len(reader.read_names) <= 40 - stored + 1


def lines(path: Path) -> int:
    """Whole lines of a file, 0 if it is not there."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


class TestBadClips:
    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            ("torn", "is torn"),
            ("joints", "17 joints with 3 numbers, layout kinect20 has 20 with 3"),
            ("label", "label 3 is outside the 3 classes"),
            ("axes", "an array of 3 axes, expected bodies, frames, joints, coordinates"),
            ("nobody", "no body in any frame"),
            ("nobody first", "a body with gaps, or no first body"),
            ("gap", "a body with gaps, or no first body"),
            ("nan", "NaN or infinite joints"),
            ("infinite", "NaN or infinite joints"),
            ("name", "a name of more than 64 characters"),
        ],
    )
    def test_are_left_out_with_the_reason(self, tmp_path: Path, fault: str, reason: str) -> None:
        store = prepared(MakingReader(6, {"clip001": fault}, [("notes", "no clip")]), tmp_path / "store")
        assert store.clips["name"].tolist() == ["clip000", "clip002", "clip003", "clip004", "clip005"]
        assert store.header.skipped == {"no clip": 1, reason: 1}
        listed = (tmp_path / "store" / "skipped.tsv").read_text()
        assert listed == f"notes\tno clip\nclip001\t{reason}\n"

    def test_are_tried_again_when_going_on(self, tmp_path: Path) -> None:
        faults = {"clip002": "torn", "clip004": "torn", "clip007": "interrupt"}
        with pytest.raises(KeyboardInterrupt):
            prepared(MakingReader(10, faults, [("notes", "no clip")]), tmp_path / "store")
        store = prepared(MakingReader(10, {"clip004": "torn"}, [("notes", "no clip")]), tmp_path / "store")
        assert len(store) == 9
        assert store.header.skipped == {"is torn": 1, "no clip": 1}

    @pytest.mark.parametrize(("bad", "files", "share"), [(1, 3, "0.34"), (29, 100, "0.29"), (2, 9, "0.23")])
    def test_too_many_say_how_to_allow_them(self, tmp_path: Path, bad: int, files: int, share: str) -> None:
        reader = MakingReader(files, {f"clip{number:03}": "torn" for number in range(bad)})
        sentence = (
            rf"{bad} of {files} files of nowhere cannot be used \(the last: clip.*, is torn\).*bad_share={share}$"
        )
        with pytest.raises(InputError, match=sentence):
            prepared(reader, tmp_path / "store")
        assert not (tmp_path / "store").exists()
        assert len(prepared(reader, tmp_path / "store", bad_share=float(share))) == files - bad

    def test_few_are_allowed(self, tmp_path: Path) -> None:
        assert len(prepared(MakingReader(5, {"clip000": "torn"}), tmp_path / "store")) == 4

    @pytest.mark.parametrize(
        ("reader", "last"),
        [
            (MakingReader(3, {f"clip{number:03}": "torn" for number in range(3)}), "clip002, is torn"),
            (
                MakingReader(0, unusable=[("S018C001P041R001A061", "of another set")]),
                "S018C001P041R001A061, of another set",
            ),
        ],
    )
    def test_nothing_usable(self, tmp_path: Path, reader: MakingReader, last: str) -> None:
        with pytest.raises(InputError, match=rf"no clip of nowhere can be used \(the last: {last}\).*data=made_up"):
            prepared(reader, tmp_path / "store", bad_share=1.0)
        assert not (tmp_path / "store").exists()


class TestRealFormats:
    def test_ntu_files(self, tmp_path: Path) -> None:
        one, two = "72057594037931101", "72057594037931102"
        frames = walkers([[one]] * 4 + [[one, two]] * 12)
        (tmp_path / "S001C002P003R002A004.skeleton").write_bytes(raw(frames))
        for name in ("S001C002P003R002A005", "S001C002P003R002A006", "S001C002P003R002A007", "S001C002P003R002A008"):
            (tmp_path / f"{name}.skeleton").write_bytes(raw(walkers([[one]] * 5)))
        (tmp_path / "S001C003P003R002A004.skeleton").write_bytes(raw(frames)[:1000])
        store = prepare(NTUReader(tmp_path), tmp_path / "store", "ntu60", source=str(tmp_path), workers=1)
        assert len(store) == 5
        assert list(store.header.skipped.values()) == [1]
        clip = store.clips[0]
        assert (clip["setup"], clip["camera"], clip["subject"], clip["label"]) == (1, 2, 3, 3)
        assert sorted(clip["frames"]) == [12, 16]
        assert store.header.rows == 12 + 16 + 4 * 5
        joints = store.joints(0)[int(clip["frames"].argmax())]
        np.testing.assert_allclose(joints, [frame[0][1] for frame in frames], rtol=1e-5, atol=1e-6)

    def test_nw_ucla_zip(self, tmp_path: Path, shared_data: Path) -> None:
        class Few(NWUCLAReader):
            def survey(self) -> Survey:
                return Survey([file for file in super().survey().files if file.name.startswith("a02_s09")])

        archive = shared_data / "NW-UCLA.zip"
        store = prepare(Few(archive), tmp_path / "store", "nw_ucla", source=str(archive), workers=1)
        assert {"a02_s09_e04_v02", "a02_s09_e04_v03"} <= set(store.clips["name"])  # of one frame
        with zipfile.ZipFile(archive) as packed:
            for index, name in enumerate(store.clips["name"]):
                skeletons = json.loads(packed.read(f"all_sqe/{name}.json"))["skeletons"]
                np.testing.assert_array_equal(store.joints(index)[0], np.array(skeletons, np.float32))
