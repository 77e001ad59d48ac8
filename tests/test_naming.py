"""Run names: what makes another run stands in them, what does not change the result does not."""

import pytest

from stgdn.naming import LONGEST, changes_result, option, run_name, turns


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
            "oversmoothing=null",
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
    assert {len(name) for name in names} == {LONGEST}


def test_recipes_turn_bodies_but_not_pictures() -> None:
    assert turns("ntu25", 17.2) == [17.2, 17.2, 17.2]
    assert turns("openpose18", 17.2) == turns("coco17", 17.2) == [0, 0, 0]
    assert turns(None, 5) == [5, 5, 5]
