"""Contents of a store as tables, as a figure, and by the command."""

import dataclasses
import io
import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from rich.console import Console
from tests.conftest import RunCommand

from stgdn.data.store.contents import Contents, Histogram
from stgdn.data.store.description import describe
from stgdn.data.store.store import Store
from stgdn.errors import InputError
from stgdn.reports.figures.store_figure import contents_figure
from stgdn.reports.output_file import output_path, save_figure
from stgdn.reports.store_tables import print_contents, sparkline


@pytest.fixture(scope="module")
def tiny(tiny_store: Store) -> Contents:
    return describe(tiny_store, "ntu60_xsub")


def many_classes(contents: Contents, count: int) -> Contents:
    """The same store with other classes: class n has n training clips and one for test."""
    names = [f"doing the thing called {number}" for number in range(count)]
    return dataclasses.replace(contents, classes=names, per_class={"train": [*range(count)], "test": count * [1]})


def printed(contents: Contents) -> str:
    out = io.StringIO()
    print_contents(contents, Console(file=out, width=130, markup=False, emoji=False))
    return out.getvalue()


def texts(figure: Figure) -> list[str]:
    """Titles, tick labels and notes of a picture, in one line each."""
    found = []
    for axes in figure.axes:
        written = [axes.title, *axes.texts, *axes.get_xticklabels()]
        found += [" ".join(text.get_text().replace(r"\$", "$").split()) for text in written]  # as it is drawn
    return found


class TestTables:
    def test_say_everything(self, tiny: Contents) -> None:
        out = printed(tiny)
        for text in (
            "demo: synthetic, shows nobody who exists",
            "25 joints of layout ntu25, in metres",
            f"168 of 14 classes, {tiny.frames:,} frames",
            "ntu60_xsub: 84 training and 84 test clips",
            "4 (1 to 3, 6), 42 clips each",
            "clips with bones over 3 m",
            "walking apart from each oth…",
        ):
            assert text in out
        assert out.count("right_hand_tip") == 1

    def test_recordings_are_called_so(self, tiny: Contents) -> None:
        assert "demo: not synthetic" in printed(dataclasses.replace(tiny, synthetic=False))

    def test_official_sizes(self, tiny: Contents) -> None:
        right = dataclasses.replace(tiny, official={"train": 84, "test": 84})
        wrong = dataclasses.replace(tiny, official={"train": 40_091, "test": 16_487})
        assert "84 test clips, as officially" in printed(right)
        assert "officially 40,091 and 16,487" in printed(wrong)

    def test_clips_left_out_remarks_and_notes(self, tiny: Contents) -> None:
        out = printed(dataclasses.replace(tiny, skipped={"is torn": 3}, remarks={"is odd": 4}, notes=["look here"]))
        for text in ("3: is torn", "4: is odd", "look here"):
            assert text in out

    def test_of_many_classes_only_the_smallest_and_largest(self, tiny: Contents) -> None:
        out = printed(many_classes(tiny, 400))
        listed = [number for number in range(400) if f"called {number} " in out]
        assert listed == [*range(15), *range(385, 400)]

    def test_what_the_store_lacks(self, tiny: Contents) -> None:
        joints = [dataclasses.replace(joint, bone=None, longest=None, clip=None, pose=None) for joint in tiny.joints]
        axes = [dataclasses.replace(axis, lowest=None, highest=None, histogram=Histogram([], {})) for axis in tiny.axes]
        bare = dataclasses.replace(
            tiny,
            **{"protocol": None, "split": {"all": 168}, "per_class": {"all": 14 * [12]}, "subjects": {}},
            **{
                "joints": joints,
                "axes": axes,
                "height": None,
                "planar": True,
                "stretched": None,
                "cameras": {-1: 3, 5: 2},
            },
        )
        out = printed(bare)
        for text in ("no protocol", "1 (5), 2 clips each, 3 clips without"):
            assert text in out
        assert "bones over" not in out
        assert contents_figure(bare)

    def test_names_stay_as_they_are(self, tiny: Contents) -> None:
        names = ["[red]tape[/red]", "pay $5, get $_2", ":dog: [/]", *tiny.classes[3:]]
        odd = dataclasses.replace(tiny, classes=names, dataset="my [bold]set")
        out = printed(odd)
        assert all(name in out for name in (*names[:3], "my [bold]set"))
        figure = contents_figure(odd)
        assert "1 pay $5, get $_2" in texts(figure)
        figure.draw_without_rendering()


def test_a_sparkline_shows_every_bar_that_is_not_empty() -> None:
    assert sparkline(Histogram([0, 1, 2, 3, 4], {"train": [0, 1, 500, 50], "test": [0, 0, 500, 450]})) == " ▁█▄"
    assert sparkline(Histogram([0, 1], {"all": [0]})) == " "
    assert sparkline(Histogram([], {})) == ""


class TestPicture:
    @pytest.mark.parametrize("count", [3, 15, 120, 400])
    def test_names_every_class_once(self, count: int, tiny: Contents) -> None:
        written = texts(contents_figure(many_classes(tiny, count)))
        for number in range(count):
            label = f"{number} doing the thing called {number}"
            assert sum(text in (label, f"doing the thing called {number} {number}") for text in written) == 1

    def test_missing_joints_are_coloured_and_named(self, tiny: Contents) -> None:
        joints = [*tiny.joints]
        joints[7] = dataclasses.replace(joints[7], missing=0.25)
        joints[9] = dataclasses.replace(joints[9], missing=1.0, pose=None)
        written = "\n".join(texts(contents_figure(dataclasses.replace(tiny, joints=joints))))
        assert "right_elbow 100.00% left_hand 25.00%" in written
        assert "1 joints never seen" in written
        assert "no joint is ever missing" in "\n".join(texts(contents_figure(tiny)))

    @pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg"])
    def test_is_written_whole_in_the_format_of_its_name(self, suffix: str, tmp_path: Path) -> None:
        path = tmp_path / f"picture{suffix}"
        figure = Figure()
        figure.text(0.5, 0.5, "走る")  # no font has it here
        save_figure(figure, path)
        start = path.read_bytes()[:5]
        assert start == {".png": b"\x89PNG\r", ".pdf": b"%PDF-", ".svg": b"<?xml"}[suffix]
        assert [found.name for found in tmp_path.iterdir()] == [path.name]


class TestTarget:
    def test_makes_the_folder(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b" / "c.PNG"
        assert output_path(str(path), "picture", (".png",)) == path
        assert path.parent.is_dir()
        assert output_path(None, "picture", (".png",)) is None

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ("x.gif", r"picture=.*x.gif cannot be written: its name must end in .png or .pdf"),
            ("x", "must end in .png"),
            ("folder.png", "is a folder"),
            ("file.png/x.png", "is not a folder"),
            ("file.png/y/x.png", "is not a folder"),
        ],
    )
    def test_refuses_what_cannot_be_written(self, given: str, told: str, tmp_path: Path) -> None:
        (tmp_path / "folder.png").mkdir()
        (tmp_path / "file.png").touch()
        with pytest.raises(InputError, match=told):
            output_path(str(tmp_path / given), "picture", (".png", ".pdf"))


class TestDoor:
    def test_describes_the_demo(self, run_command: RunCommand) -> None:
        outcome = run_command("describe", "json=numbers.json")
        assert outcome.code == 0, outcome.err
        assert outcome.err == ""
        assert "synthetic, shows nobody who exists" in outcome.out
        numbers = json.loads(Path("numbers.json").read_text())
        assert (numbers["clips"], numbers["split"]) == (168, {"train": 84, "test": 84})
        height, width, _ = imread("outputs/demo/contents.png").shape
        assert width > height > 500

    def test_no_files_unless_wanted(self, run_command: RunCommand) -> None:
        assert run_command("describe", "picture=null").code == 0
        assert not list(Path().iterdir())

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["data=ntu60_xsub"], "python src/prepare.py data=ntu60_xsub data.source=PATH"),
            (["picture=contents.txt"], "its name must end in .png or .pdf or .svg"),
            (["json=numbers.csv"], "its name must end in .json"),
            (["data.protocol=ntu60_xsup"], "did you mean 'ntu60_xsub'"),
            (["pictures=a.png"], "did you mean 'picture'"),
        ],
    )
    def test_mistakes_get_one_sentence(self, run_command: RunCommand, options: list[str], told: str) -> None:
        outcome = run_command("describe", *options)
        assert outcome.code == 1
        (line,) = outcome.err.splitlines()
        assert told in line

    def test_help_shows_examples(self, run_command: RunCommand) -> None:
        assert "python src/describe.py data=nw_ucla" in run_command("describe", "--help").out
