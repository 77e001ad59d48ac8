"""Records found and checked, without W&B: against logs written literally, and one that W&B has written."""

import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wandb_stand_in import record

from stgdn.errors import InputError
from stgdn.wandb_tools.local import MAGIC, find_records, log_problem, log_records, split_damaged


def literal_log(payloads: list[bytes]) -> bytes:
    """A log of whole records, block by block, as LevelDB's description has it."""
    content = bytearray(b":W&B\xe1\xbe\x00")
    for payload in payloads:
        if 32768 - len(content) % 32768 < 7:
            content += bytes(32768 - len(content) % 32768)
        checksum = zlib.crc32(b"\x01" + payload)
        content += struct.pack("<I", checksum) + struct.pack("<H", len(payload)) + b"\x01" + payload
    return bytes(content)


def made_up(outputs: Path, name: str, content: bytes | None = literal_log([b"a"])) -> Path:
    """A log at RUN/wandb/offline-run-...; None: the folder without it."""
    folder = outputs / name
    folder.mkdir(parents=True)
    log = folder / f"run-{name.rsplit('-', 1)[1]}.wandb"
    if content is not None:
        log.write_bytes(content)
    return log


@pytest.fixture(scope="module")
def written_by_wandb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    record(folder, range(200))
    (part,) = find_records(folder.parent)[:1]
    assert part.run == folder
    return part.log


def test_a_log_of_wandb_is_whole(written_by_wandb: Path) -> None:
    assert log_problem(written_by_wandb) is None
    content = written_by_wandb.read_bytes()
    assert b"train/loss" in b"".join(body for _, _, body in log_records(content))


def test_records_are_found_across_blocks(tmp_path: Path) -> None:
    payloads = [bytes([number]) * 1000 for number in range(80)]
    payloads[32] = bytes(32768 - 7 - 32 * 1007 - 7 - 3)  # leaves 3 bytes of the block
    log = made_up(tmp_path, "r/wandb/offline-run-20260101_000000-aaaa", literal_log(payloads))
    assert log_problem(log) is None
    assert [body[1:] for _, _, body in log_records(log.read_bytes())] == payloads


@settings(max_examples=50)
@given(st.data())
def test_one_wrong_byte_in_a_record_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    payloads = data.draw(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5))
    content = bytearray(literal_log(payloads))
    which = data.draw(st.integers(0, len(payloads) - 1))
    start = len(MAGIC) + sum(7 + len(payload) for payload in payloads[:which])
    spot = data.draw(st.sampled_from([*range(4), *range(6, 7 + len(payloads[which]))]))  # all but the length
    content[start + spot] ^= data.draw(st.integers(1, 255))
    log = tmp_path_factory.mktemp("log") / "run.wandb"
    log.write_bytes(content)
    assert log_problem(log) == f"the record at byte {start} has a wrong checksum"


@settings(max_examples=50)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_told_apart_from_logs(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    log = tmp_path_factory.mktemp("log") / "run.wandb"
    log.write_bytes(content)
    assert log_problem(log) is not None or content.startswith(MAGIC)
    log.write_bytes(MAGIC + content)
    assert log_problem(log) is None or "checksum" in str(log_problem(log))


def test_a_log_cut_off_or_followed_by_zeros_is_that_of_a_killed_run(written_by_wandb: Path, tmp_path: Path) -> None:
    content, log = written_by_wandb.read_bytes(), tmp_path / "run.wandb"
    for size in range(len(MAGIC), len(content), 997):
        log.write_bytes(content[:size])
        assert log_problem(log) is None
    log.write_bytes(content + bytes(4096))
    assert log_problem(log) is None


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    name = "r/wandb/offline-run-20260101_000000-"
    assert log_problem(made_up(tmp_path, f"{name}a", b"")) == "it is empty"
    assert log_problem(made_up(tmp_path, f"{name}b", b"not a log")) == "it is no log of W&B"
    assert log_problem(made_up(tmp_path, f"{name}c", None)) == "No such file or directory"


def test_newest_first_and_one_damaged_does_not_hide_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(50):
        content = b"garbage" if number == 7 else literal_log([b"a"])
        made_up(tmp_path, f"demo/run{number}/wandb/offline-run-20260101_0000{number:02}-id{number:02}", content)
    (tmp_path / "demo/run3/wandb/latest-run").symlink_to("offline-run-20260101_000003-id03")
    parts = find_records(tmp_path)
    assert [part.run.name for part in parts] == [f"run{number}" for number in reversed(range(50))]
    good, damaged = split_damaged(parts)
    assert len(good) == 49
    assert [part.run.name for part in damaged] == ["run7"]
    assert capsys.readouterr().err == f"note: left out {damaged[0].log}: it is no log of W&B\n"


def test_nothing_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no W&B records below .*outputs=FOLDER"):
        find_records(tmp_path / "nowhere")
