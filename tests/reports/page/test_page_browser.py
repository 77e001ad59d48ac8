"""The page in a real browser without a window: it draws without a complaint and its controls do what they say."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import OmegaConf
from tests.player.conftest import made_up as scene
from tests.reports import made_up
from tests.reports.page.pages import JOINTS, arrays, results, run

from stgdn.player.page import page_content
from stgdn.reports.page.run_section import detailed_runs
from stgdn.reports.page.write_page import write_page
from stgdn.reports.tables.comparison import compare
from stgdn.runs.result import collect_runs
from stgdn.runs.run import config_differences
from stgdn.runs.scores import Scores

pytest.importorskip("playwright.sync_api", reason="playwright drives the browser: make install-dev")
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("browser")  # one browser

DARK = (20, 23, 26)  # the ground in the dark
EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
DEMO, OTHER = "demo (synthetic), st_gdn, joint", "demo (synthetic), agcn_7l, joint"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs: two that compare, one without layers, one of other classes whose names are markup."""
    outputs = tmp_path_factory.mktemp("runs")
    run(outputs, layers=arrays(layers=3), config={"optimizer": {"lr": 0.1}, "model": {"blocks": ["gdn2", "gcn"]}})
    run(outputs, layers=arrays(layers=2, seed=1), model="agcn_7l", config={"optimizer": {"lr": 0.2}})
    run(outputs, stream="bone")
    folder = run(outputs, data="nw_ucla", synthetic=False)
    made_up.scores(classes=np.asarray([f"{EVIL}{number}" for number in range(7)])).save(folder / "scores.npz")
    (folder / "metrics.csv").write_text("epoch,train/loss\n1\n")
    return outputs


Opener = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, runs: Path) -> Iterator[Opener]:
    """Open the page of the runs below a folder; at the end it must have been silent and alone."""
    heard: list[str] = []
    pages: list[Page] = []

    def start(
        outputs: Path = runs, played: dict[Path, Any] | None = None, wanted: str | int = "all", **options: object
    ) -> Page:
        path = outputs / "page.html"
        shown, others = detailed_runs(results(outputs), wanted)
        tables = compare(collect_runs(outputs), "demo")[0] if others else []
        write_page(shown, tables, path, played=played, others=others)
        page = browser.new_page(**options)  # pyright: ignore[reportArgumentType]
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: None if request.url == path.as_uri() else heard.append(request.url))
        page.set_default_timeout(20_000)
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield start
    hacked = [page.evaluate("window.hacked") for page in pages]
    for page in pages:
        page.close()
    assert heard == []
    assert hacked == [None] * len(pages)


def column(page: Page, section: str, table: str, number: int) -> list[str]:
    """The texts of a column of a table, top to bottom."""
    cells = f'{section} [aria-label="{table}"] tbody td:nth-child({number})'
    return page.locator(cells).all_inner_texts()


READ = """canvas => {
    const copy = Object.assign(document.createElement("canvas"), {width: canvas.width, height: canvas.height});
    const pen = copy.getContext("2d", {willReadFrequently: true});
    pen.drawImage(canvas, 0, 0);
    const {data} = pen.getImageData(0, 0, canvas.width, canvas.height);
    const places = Array.from({length: canvas.width}, (_, at) => 4 * at * (canvas.width + 1));
    return places.map((place) => Array.from(data.slice(place, place + 3)));
}"""


def paint(page: Page, canvas: str) -> Counter[tuple[int, ...]]:
    """Return the count of each colour (red, green, blue) on the diagonal of a canvas."""
    return Counter(map(tuple, page.locator(canvas).first.evaluate(READ)))


def test_every_section_shows_something(opened: Opener) -> None:
    page = opened()
    assert page.locator("#runs tbody tr").count() == 4
    assert page.locator("#curves figure").count() == 3
    assert page.locator("#smoothing figure").count() == 1
    assert page.locator("#layers figure svg .bone").count() == 3 * (len(JOINTS) - 1)
    assert page.locator(".empty").count() == 0
    for canvas in ("#classes canvas", "#layers canvas", "#comparison canvas"):
        assert len(paint(page, canvas)) > 5


@pytest.mark.parametrize("width", [390, 768, 1400])
def test_it_does_not_scroll_sideways(opened: Opener, width: int) -> None:
    page = opened(viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    if width == 1400:
        sizes = page.locator("#runs .wide").evaluate_all("all => all.map((one) => [one.scrollWidth, one.clientWidth])")
        assert all(needed == shown for needed, shown in sizes)  # the table of runs is not cut


def test_names_that_are_markup_are_text(opened: Opener) -> None:
    page = opened()
    page.locator("#classes select").first.select_option(label="nw_ucla, st_gdn, joint")
    assert sorted(column(page, "#classes", "Accuracy of every class", 1)) == [f"{EVIL}{number}" for number in range(7)]
    page.locator("#classes canvas").focus()
    page.keyboard.press("ArrowRight")
    assert EVIL in page.locator("#hint").inner_text()


def test_ticked_runs_are_drawn(opened: Opener) -> None:
    page = opened()
    names = page.locator("#curves .legend li").all_inner_texts()
    assert names == [OTHER, "demo (synthetic), st_gdn, bone", DEMO]
    page.get_by_label(f"show {OTHER}").uncheck()
    assert page.locator("#curves .legend li").all_inner_texts() == names[1:]
    assert page.locator("#smoothing .legend li").all_inner_texts() == names[1:]
    page.get_by_role("button", name="tick none").click()
    assert page.locator("#curves figure").count() == 0
    page.get_by_role("button", name="tick all").click()
    assert page.locator("#curves .legend li").count() == 3  # the curves of the fourth are damaged


def test_a_chart_tells_its_values_to_the_keyboard(opened: Opener) -> None:
    page = opened()
    page.locator("#curves svg[role=img]").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    told = page.locator("#hint").inner_text()
    assert told.startswith("epoch 2\n1.25")
    page.keyboard.press("Escape")
    assert page.locator("#hint").is_hidden()


def test_tables_can_be_sorted(opened: Opener) -> None:
    page = opened()
    shown = column(page, "#classes", "Accuracy of every class", 3)
    assert shown == sorted(shown, key=float)
    page.locator("#classes").get_by_role("button", name="%", exact=True).click()
    assert column(page, "#classes", "Accuracy of every class", 3) == sorted(shown, key=float, reverse=True)
    page.locator("#classes").get_by_role("button", name="class").click()
    names = column(page, "#classes", "Accuracy of every class", 1)
    assert names == made_up.CLASSES.tolist()
    heading = page.locator("#classes th", has_text="class")
    assert heading.get_attribute("aria-sort") == "ascending"


def test_accuracies_and_confusions_are_those_of_the_scores(opened: Opener, runs: Path) -> None:
    page = opened()
    page.locator("#classes select").first.select_option(label=DEMO)
    counts = Scores.load(runs / "demo/st_gdn/joint/demo-seed1/scores.npz").confusion()
    page.locator("#classes").get_by_role("button", name="class").click()
    expected = [f"{100 * counts[k, k] / counts[k].sum():.1f}" for k in range(len(counts))]
    assert column(page, "#classes", "Accuracy of every class", 3) == expected
    off = counts - np.diag(counts.diagonal())
    clips = column(page, "#classes", "Classes that are confused most", 3)
    assert [int(each) for each in clips] == sorted(off[off > 0].tolist(), reverse=True)[:20]


def test_the_confusion_matrix_can_be_put_in_order(opened: Opener) -> None:
    page = opened()
    before = paint(page, "#classes canvas")
    page.locator("#classes select").nth(1).select_option(label="the worst first")
    assert paint(page, "#classes canvas") != before
    worst = column(page, "#classes", "Accuracy of every class", 1)[0]
    page.locator("#classes canvas").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#hint").inner_text().startswith(f"{worst}\nrecognised")


def test_layers_and_joints_can_be_chosen(opened: Opener) -> None:
    page = opened()
    page.locator("#layers select").first.select_option(label=DEMO)
    layers = page.locator("#layers select").nth(1)
    assert layers.locator("option").all_inner_texts() == ["1", "2", "3"]
    layers.focus()
    layers.select_option("3")
    assert layers.evaluate("list => list === document.activeElement")  # a keyboard stays where it is
    assert page.get_by_text("Covariance of the frames in layer 3, 8 × 8").count() == 1
    arcs = page.locator("#layers figure svg").first.locator("path")
    everything = arcs.count()
    page.locator("#layers figure svg").first.locator(".joint").nth(2).click()
    assert arcs.count() < everything
    joints = page.locator("#layers select").nth(3)
    assert joints.locator("option:checked").inner_text() == JOINTS[2]
    assert page.locator("#layers svg text.name").first.text_content() == JOINTS[2]
    page.locator("#layers input[type=range]").fill("2")
    drawn = page.locator("#layers figure svg").first.locator("path, circle[fill=none]")
    assert drawn.count() == 2


def test_two_runs_can_be_compared(opened: Opener, runs: Path) -> None:
    page = opened()
    page.get_by_label("run A").select_option(label=DEMO)
    page.get_by_label("run B").select_option(label=OTHER)
    folders = [runs / "demo" / model / "joint/demo-seed1" for model in ("st_gdn", "agcn_7l")]
    before, now = (OmegaConf.load(folder / "config.yaml") for folder in folders)
    expected = sorted(key for key, *_ in config_differences(before, now))
    assert column(page, "#comparison", "Options that differ", 1) == expected
    counts = [Scores.load(folder / "scores.npz").confusion() for folder in folders]
    shares = [100 * each.diagonal() / each.sum(axis=1) for each in counts]
    page.locator("#comparison").get_by_role("button", name="class").click()
    shown = column(page, "#comparison", "Accuracy of every class in both runs", 4)
    np.testing.assert_allclose([float(text.replace("−", "-")) for text in shown], shares[1] - shares[0], atol=0.051)
    page.get_by_label("run B").select_option(label="nw_ucla, st_gdn, joint")
    assert "of different data or classes" in page.locator("#comparison .empty").inner_text()


def test_pictures_follow_the_colour_scheme(opened: Opener) -> None:
    page = opened(color_scheme="light")
    light = paint(page, "#classes canvas")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("getComputedStyle(document.body).backgroundColor !== 'rgb(255, 255, 255)'")
    dark = paint(page, "#classes canvas")
    assert dark.total() == light.total()
    assert light[DARK] == 0
    assert dark[DARK] > 0


def test_a_narrow_window_does_not_scroll_sideways(opened: Opener) -> None:
    page = opened(viewport={"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("number", [0, 1])
def test_few_runs(opened: Opener, tmp_path: Path, number: int) -> None:
    for _ in range(number):
        run(tmp_path)
    page = opened(tmp_path)
    if number:
        told = page.locator(".empty").all_inner_texts()
        assert [text.split(";")[0] for text in told] == [
            "No run has kept its layers (layers.npz)",
            "There are no two runs to compare.",
        ]
    else:
        assert page.locator("section").all_inner_texts() == ["Tables\n\nNo tables were asked for."]


def test_many_runs_are_filtered(opened: Opener, tmp_path: Path) -> None:
    for number in range(24):
        recipe = {"recipe": f"recipe{number}", "test_top1": 50.0 + number}
        for model in ("agcn_7l", "st_gdn"):
            run(tmp_path, model=model, **recipe)
    page = opened(tmp_path, wanted=6)
    assert "6 of 48 runs have pictures below" in page.locator("#runs").inner_text()
    rows = page.locator("#runs tbody tr")
    assert rows.count() == 48
    assert page.locator("#runs input[type=checkbox]").count() == 6
    names = page.locator("#curves .legend li").all_inner_texts()
    assert len(names) == 6
    field = page.locator("#runs input[type=search]")
    field.fill("ST_GDN  recipe1")
    assert page.locator("#runs output").inner_text() == "11 shown"
    assert rows.count() == 11
    page.get_by_role("button", name="top-1").click()
    assert column(page, "#runs", "All runs", 8) == [f"{50 + number}.0" for number in (1, *range(10, 20))]
    page.get_by_role("button", name="tick all").click()
    assert all("st_gdn" in name and "recipe1" in name for name in page.locator("#curves .legend li").all_inner_texts())
    field.fill("")
    assert rows.count() == 48
    table = page.locator("#tables table#demo tbody tr")
    assert table.count() > 48
    page.locator("#tables input[type=search]").fill("agcn_7l recipe23")
    assert [row.is_visible() for row in table.all()].count(True) == 1


def test_mistakes_are_played_in_a_frame(opened: Opener, runs: Path) -> None:
    folders = {run.model: run.folder for run in results(runs) if run.stream == "joint" and run.data == "demo"}
    evil = scene(EVIL, classes=tuple(f"{EVIL}{number}" for number in range(8)))
    played = {
        folders["st_gdn"]: {"wrong": 9, "clips": 60, "player": page_content([scene("wave", frames=24), evil])},
        folders["agcn_7l"]: {"wrong": 0, "clips": 60, "player": None},
    }
    page = opened(runs, played, reduced_motion="reduce")
    page.locator("#mistakes select").select_option(label=DEMO)
    told = page.locator("#mistakes p").inner_text()
    assert told == f"{DEMO} takes 9 of 60 clips for what they are not. Those 2 that it is surest about are played."
    page.locator("#mistakes iframe").scroll_into_view_if_needed()
    player = page.frame_locator("#mistakes iframe")
    assert player.locator("#name").inner_text() == "wave"
    player.locator("#stage").click()
    page.keyboard.press("ArrowRight")
    assert player.get_by_text("frame 2 of 24").count() == 1
    page.keyboard.press("ArrowDown")
    assert player.locator("#name").inner_text() == EVIL
    heights = "frame => [frame.clientHeight, frame.contentDocument.documentElement.scrollHeight]"
    page.wait_for_timeout(200)
    shown, needed = page.locator("#mistakes iframe").evaluate(heights)
    assert shown == needed
    page.locator("#mistakes select").select_option(label=OTHER)
    assert page.locator("#mistakes p").inner_text() == f"{OTHER} recognises all 60 clips."
    assert page.locator("#mistakes iframe").count() == 0


def test_no_mistakes_are_played_unless_asked_for(opened: Opener, runs: Path) -> None:
    page = opened()
    assert page.locator("#mistakes").count() == 0
    assert page.get_by_role("link", name="Mistakes").count() == 0
    page = opened(runs, {})
    assert "what it takes is named on top" in page.locator("#mistakes").inner_text()
