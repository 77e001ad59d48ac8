"""Names of classes and clips that are markup, have line breaks, are very long or of another script, in all commands."""

import json
import os
from pathlib import Path

import pytest
from tests.conftest import TINY, RunCommand
from tests.data.own_data import folder, moving, npz
from tests.faults.figures import Faults

from stgdn.data.store.store import Store

MARKUP = "<img src=x onerror=window.hacked=1>"
CLOSING = "</script><script>window.hacked=1</script>"
NAMES = (
    *(MARKUP, "a=b,c", "手を振る", "é" * 20, "$\\frac$", "'; DROP TABLE clips", "--overwrite", "x" * 90),
    *("[bold]red[/bold]", "%s {0} \\n"),
)


def write(place: Path, faults: Faults) -> Path:
    """Write clips of these classes, three subjects each; a class that cannot be a file's name is a label in a table."""
    names = [*NAMES, CLOSING]
    rows, files = ["name,label,subject"], {}
    for number, label in enumerate(names):
        faults.add("harmless")
        for subject in (1, 2, 3):
            name = f"{label[:60]} {subject}".replace("/", "_")
            files[f"{name}.npz"] = npz(joints=moving(12, 4, 3, seed=10 * number + subject))
            rows.append(",".join('"{}"'.format(text.replace('"', '""')) for text in (name, label, str(subject))))
    changes = {"classes": json.dumps(names), "pattern": "", "name": json.dumps("stick")}
    folder(place, files, changes)
    (place / "clips.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return place


@pytest.mark.parametrize("name", ["line\nbreak", "tab\tin it", "\x1b[2J", "x" * 300])
def test_names_that_do_not_print_are_refused(
    run_command: RunCommand, tmp_path: Path, faults: Faults, name: str
) -> None:
    changes = {"classes": json.dumps([name, "bow"])}
    own = folder(tmp_path / "own", {"bow_s1_r1.npz": npz(joints=moving(12, 4, 3))}, changes)
    outcome = run_command("prepare", "data=custom", f"data.source={own}", f"data.store={tmp_path / 'store'}")
    assert outcome.code == 1
    assert len(outcome.err.splitlines()) == 1
    assert "more than 200 characters, or one that does not print" in outcome.err
    faults.add("found")


def test_a_name_that_configs_would_replace_is_refused(run_command: RunCommand, tmp_path: Path, faults: Faults) -> None:
    names = ["${oc.env:HOME}", "bow"]
    files = {f"{label}_s{subject}_r1.npz": npz(joints=moving(12, 4, 3)) for label in names for subject in (1, 2, 3)}
    own = folder(tmp_path / "own", files, {"classes": json.dumps(names)})
    data = ("data=custom", "data.name=stick", f"data.source={own}", f"data.store={tmp_path / 'store'}")
    for command in ("prepare", "train", "describe"):
        outcome = run_command(command, *data)
        assert outcome.code == 1
        assert "has the name of a class or joint with '${', which configs would replace" in outcome.err
        assert os.environ["HOME"] not in outcome.out
    faults.add("found")


def test_every_command_takes_them(run_command: RunCommand, tmp_path: Path, faults: Faults) -> None:
    own = write(tmp_path / "own", faults)
    data = ("data=custom", "data.name=stick", f"data.source={own}", f"data.store={tmp_path / 'store'}")
    prepared = run_command("prepare", *data, "workers=1")
    assert prepared.code == 0, prepared.err
    assert Store(tmp_path / "store").header.classes == [*NAMES, CLOSING]
    described = run_command("describe", *data, "picture=contents.svg", "json=contents.json")
    assert described.code == 0, described.err
    options = (*TINY, "data.frames=8", "workers=0", "model=agcn_7l", "callbacks.over_smoothing=null")
    trained = run_command("train", *data, *options, "recipe=demo")
    assert trained.code == 0, trained.err
    (summary,) = Path("outputs").rglob("summary.json")
    reported = run_command("report", "page=report.html")
    assert reported.code == 0, reported.err
    for form in ("csv", "json", "txt"):
        found = run_command(
            "predict", f"run={summary.parent}", f"clips={own}", f"write=found.{form}", "player=player.html"
        )
        assert found.code == 0, found.err
    for page in ("report.html", "player.html"):
        html = Path(page).read_text(encoding="utf-8")
        assert MARKUP not in html
        assert CLOSING not in html
    for text in (prepared.err, described.err, trained.err, reported.err):
        assert "Traceback" not in text
