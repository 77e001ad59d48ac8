"""Run names: options that change the result are in the name, neutral ones are not; and names of files."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import TINY, RunCommand

from stgdn.errors import InputError
from stgdn.files import file_name, name_problem
from stgdn.runs.naming import MAX_NAME_LENGTH, alignment, changes_result, option, run_name, turns


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], "letter-seed3"),
        (["model.width=0.5"], "letter-seed3+model.width-0.5"),
        (["b=[x, y]", "a=1"], "letter-seed3+a-1+b-_x+_y_"),
        (["+data.reader.extra=1", "~model.dropout"], "letter-seed3++data.reader.extra-1+_model.dropout"),
    ],
)
def test_names_need_no_quoting(overrides: list[str], expected: str) -> None:
    assert run_name("letter", 3, overrides) == expected


@pytest.mark.parametrize(
    "overrides",
    [
        ["experiment=table1", "data=demo", "model=st_gdn", "data.stream=bone", "seed=2"],
        ["launcher=slurm", "launcher.partition=gpu", "+launcher.options.constraint=a100"],
        ["trainer=ddp", "trainer.devices=4", "trainer.num_nodes=2", "trainer.accelerator=gpu"],
        [
            "recipe=modern",
            "resume=true",
            "overwrite=true",
            "logger.wandb=off",
            "logger.project=x",
            "callbacks.over_smoothing=null",
        ],
        ["data.classes=[a,b]", "data.median_frames=60"],
        ["outputs=elsewhere", "data_root=/data", "data.source=x.zip", "data.store=y", "data.licence=MIT", "workers=2"],
    ],
)
def test_how_and_where_a_run_is_made_is_no_part_of_its_name(overrides: list[str]) -> None:
    assert run_name("modern", 1, overrides) == "modern-seed1"


@pytest.mark.parametrize("override", ["trainer.precision=bf16-mixed", "data.frames=64", "model.blocks.6=gdn_t"])
def test_what_changes_the_result_is_part_of_the_name(override: str) -> None:
    assert run_name("letter", 1, [override]) != run_name("letter", 1, [])
    assert changes_result(option(override))


def test_long_names_stay_short_and_apart() -> None:
    names = {run_name("letter", 1, [f"model.blocks=[{'gdcn,' * 60}{last}]"]) for last in ("gcn", "gdn2")}
    assert len(names) == 2
    assert {len(name) for name in names} == {MAX_NAME_LENGTH}


def test_recipes_turn_bodies_but_not_pictures() -> None:
    assert turns("ntu25", 17.2) == [17.2, 17.2, 17.2]
    assert turns("openpose18", 17.2) == turns("coco17", 17.2) == [0, 0, 0]
    assert turns(None, 5) == [5, 5, 5]
    assert turns("ntu25", 0, 30, 10) == [0, 30, 10]
    assert turns({"joints": ["hip", "head"], "bones": [["head", "hip"]], "planar": True}, 0, 30, 10) == [0, 0, 0]
    assert turns("ntu52", 5) == [5, 5, 5]  # who opens the data says that there is no such layout


def test_recipes_align_what_has_shoulders_and_depth() -> None:
    assert alignment("kinect20", "body") == alignment(None, "body") == "body"
    assert alignment("coco17", "body") == "none"
    assert alignment({"joints": ["hip", "head"], "bones": [["head", "hip"]]}, "body") == "none"


@pytest.mark.parametrize(
    "name",
    ["demo", "2s-agcn", "st_gdn+x", "a.b", "é", "日本語", "हिन्दी", "my data (2)", "e\u0301", 240 * "x", 80 * "語"],
)
def test_names_of_files(tmp_path: Path, name: str) -> None:
    assert file_name(name, "data.name") == name
    (tmp_path / name).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "it is empty"),
        *((name, "it has a '/'") for name in ("../../../x", "a/b", "/etc", "a/", "/", "s3://bucket")),
        ("..\\x", r"it has a '\'"),
        *((name, "it begins with '.'") for name in (".", "..", ".hidden", "...")),
        ("-rf", "it begins with '-'"),
        *(
            (name, "a character that does not print")
            for name in ("a\n", "a\0b", "\x1b[2J", "\u202egnp", "\udc80", "\u2028")
        ),
        (241 * "x", "more than 240 bytes"),
        (81 * "語", "more than 240 bytes"),
        *((name, "it is no word") for name in (None, 3, ["a"], True)),
    ],
)
def test_names_that_are_none_of_files(name: object, told: str) -> None:
    with pytest.raises(InputError, match=r"^data\.name=.* cannot be the name of a file or folder: ") as error:
        file_name(name, "data.name")
    assert told in str(error.value)
    assert str(error.value).isprintable()


@given(st.text(max_size=300))
def test_a_name_without_problem_stays_in_its_folder(name: str) -> None:
    if not name_problem(name):
        assert Path("folder", name).parts == ("folder", name)
        assert Path("folder", name).resolve().parent == Path("folder").resolve()
        assert len(name.encode()) < 255


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("train", [*TINY, "data.name=../../../made"]),
        ("train", [*TINY, "model.name=../made"]),
        ("train", [*TINY, "data.stream=../made"]),
        ("train", [*TINY, "recipe_name=x/../../made"]),
        ("train", [*TINY, "experiment_name=../made"]),
        ("train", ["-m", *TINY, "data.name=../../made", "seed=1,2"]),
        ("prepare", ["data=custom", "data.name=../made", "data.source=own"]),
        ("describe", ["data.name=../../made"]),
        ("shard", ["data.name=../made", "to=shards"]),
        ("import_weights", ["weights=x.pt", "data.name=../made"]),
        ("models", ["data.name=../made"]),
        ("benchmark", ["what=networks", "variants=[st_gcn]", "literal=[]", "unwhitened=[]", "name=../made"]),
    ],
)
def test_commands_take_names_not_paths(
    run_command: RunCommand, tmp_path: Path, command: str, options: list[str]
) -> None:
    before = set(tmp_path.parent.iterdir())
    outcome = run_command(command, *options)
    assert outcome.code == 1
    assert re.search("name of a file or folder: it (has a '/'|begins with '.')", outcome.err)
    assert "Traceback" not in outcome.err
    assert set(tmp_path.parent.iterdir()) == before
    assert not list(tmp_path.rglob("made*"))


def test_names_of_people_s_own(run_command: RunCommand, tmp_path: Path) -> None:
    outcome = run_command("train", *TINY, "data.name='größe 2'", "model.name='réseau'")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "outputs" / "größe 2" / "réseau" / "joint").is_dir()
