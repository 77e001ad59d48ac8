"""The player in a real browser without a window: it plays, and its controls do what they say, without a complaint."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.player.conftest import made_up

from stgdn.player.page import write_page
from stgdn.skeleton import COCO17

pytest.importorskip("playwright.sync_api", reason="playwright drives the browser: make install-dev")
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.xdist_group("browser")  # one browser

EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
PIXELS = """canvas => {
    const copy = Object.assign(document.createElement("canvas"), {width: canvas.width, height: canvas.height});
    const pen = copy.getContext("2d", {willReadFrequently: true});
    pen.drawImage(canvas, 0, 0);
    const {data} = pen.getImageData(0, 0, canvas.width, canvas.height);
    let found = 0, mass = 0;
    for (let at = 0; at < data.length; at += 4) {
        if (Math.min(data[at], data[at + 1], data[at + 2]) < 200) {
            found += 1; mass = (31 * mass + at + data[at]) % 1000003;
        }
    }
    return {ink: found, mark: mass, colours: new Set(new Uint32Array(data.buffer)).size};
}"""


Opener = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    """Open a page of three clips; at the end it must have been silent and alone."""
    heard: list[str] = []
    pages: list[Page] = []
    scenes = [
        made_up("wave", frames=24, networks=("A: st_gdn, joint", "B: agcn, joint")),
        made_up(EVIL, label=-1, bodies=1, classes=tuple(f"{EVIL}{number}" for number in range(8)), synthetic=False),
        made_up("flat", layout=COCO17),
    ]

    def start(motion: str = "reduce", asked: str = "", **options: object) -> Page:
        path = tmp_path / "player.html"
        write_page(scenes, path)
        page = browser.new_page(reduced_motion=motion, **options)  # pyright: ignore[reportArgumentType]
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on(
            "request", lambda request: None if request.url.split("#")[0] == path.as_uri() else heard.append(request.url)
        )
        page.set_default_timeout(20_000)
        page.goto(path.as_uri() + asked)
        pages.append(page)
        return page

    yield start
    hacked = [page.evaluate("window.hacked") for page in pages]
    for page in pages:
        page.close()
    assert heard == []
    assert hacked == [None] * len(pages)


def frame(page: Page) -> int:
    return int(page.locator("input[type=range]").input_value())


def drawn(page: Page) -> dict[str, float]:
    """Return the share of ink on the canvas, the number of colours, and a checksum of the image."""
    return page.locator("#stage").evaluate(PIXELS)


def until(page: Page, true: Callable[[], bool]) -> None:
    """Wait for something; the page's policy does not let Playwright's own conditions be evaluated."""
    for _ in range(200):
        if true():
            return
        page.wait_for_timeout(50)
    pytest.fail("not within ten seconds")


def test_it_plays_and_pauses(opened: Opener) -> None:
    page = opened("no-preference")
    until(page, lambda: frame(page) > 2)
    assert page.get_by_role("button", name="Pause").count() == 1
    page.keyboard.press("Space")
    assert page.get_by_role("button", name="Play", exact=True).count() == 1
    stopped = frame(page)
    page.wait_for_timeout(200)
    assert frame(page) == stopped
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, lambda: frame(page) != stopped)


def test_it_stands_still_for_who_wants_no_motion(opened: Opener) -> None:
    page = opened("reduce")
    page.wait_for_timeout(200)
    assert frame(page) == 0
    assert page.get_by_role("button", name="Play", exact=True).count() == 1
    assert drawn(page)["ink"] > 500


def test_frames_by_keyboard_slider_and_chart(opened: Opener) -> None:
    page = opened()
    first = drawn(page)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert frame(page) == 3
    assert drawn(page)["mark"] != first["mark"]
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    assert frame(page) == 23
    assert page.get_by_text("frame 24 of 24").count() == 1
    page.locator("input[type=range]").fill("7")
    assert page.get_by_text("frame 8 of 24").count() == 1
    box = page.locator("svg.chart").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 6, box["y"] + 30)
    assert frame(page) == 23


def test_answers_follow_the_frame(opened: Opener) -> None:
    page = opened()
    scene = made_up("wave", frames=24, networks=("A: st_gdn, joint", "B: agcn, joint"))
    for number, row in ((0, 0), (10, 0), (11, 1), (22, 1), (23, 2)):
        page.locator("input[type=range]").fill(str(number))
        for name, reading in zip(("A: st_gdn, joint", "B: agcn, joint"), scene.explanations, strict=True):
            best = reading.top(1)[0]
            cells = page.get_by_label(name).locator("tbody tr").first.locator("td")
            assert cells.first.inner_text().startswith(scene.classes[best])
            assert float(cells.nth(1).inner_text().removesuffix(" %")) == pytest.approx(
                100 * reading.course[row, best], abs=0.11
            )
    right = page.get_by_label("A: st_gdn, joint").locator("tr.right td").first.inner_text()
    assert right.startswith("action c ✓")


def test_turning_and_zooming(opened: Opener) -> None:
    page = opened()
    first = drawn(page)
    box = page.locator("#stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 150, steps=3)
    page.mouse.up()
    turned = drawn(page)
    assert turned["mark"] != first["mark"]
    page.mouse.wheel(0, 300)
    until(page, lambda: drawn(page)["ink"] < 0.9 * turned["ink"])
    page.keyboard.press("0")
    assert drawn(page) == first
    page.keyboard.press("+")
    assert drawn(page)["ink"] > first["ink"]
    page.keyboard.press("-")
    assert drawn(page) == first
    page.keyboard.press("Shift+ArrowLeft")
    assert drawn(page)["mark"] != first["mark"]
    page.get_by_role("button", name="Reset the view").click()
    assert drawn(page) == first


def test_two_fingers_zoom(opened: Opener) -> None:
    page = opened(has_touch=True)
    first = drawn(page)
    touch = """([id, type, x, y]) => {
        const canvas = document.getElementById("stage");
        canvas.setPointerCapture = () => {};
        const {left, top} = canvas.getBoundingClientRect();
        const where = {clientX: left + x, clientY: top + y, pointerId: id, pointerType: "touch", bubbles: true};
        canvas.dispatchEvent(new PointerEvent(type, where));
    }"""
    for step in ((1, "pointerdown", 100, 100), (2, "pointerdown", 160, 100), (2, "pointermove", 220, 100)):
        page.evaluate(touch, list(step))
    wide = drawn(page)
    assert wide["ink"] > 1.2 * first["ink"]
    for step in ((1, "pointerup", 100, 100), (2, "pointerup", 220, 100)):
        page.evaluate(touch, list(step))
    page.evaluate(touch, [1, "pointermove", 10, 10])
    assert drawn(page) == wide


def test_colours_can_be_chosen(opened: Opener) -> None:
    page = opened()
    looked = drawn(page)
    page.get_by_label("colours").select_option(label="looked at by B: agcn, joint")
    other = drawn(page)
    assert other["mark"] != looked["mark"]
    assert page.locator("#ramp").is_visible()
    page.get_by_label("colours").select_option(label="bodies")
    assert page.locator("#ramp").is_hidden()
    assert drawn(page)["colours"] < other["colours"]


def test_clips_can_be_chosen_and_names_are_text(opened: Opener) -> None:
    page = opened()
    assert page.locator("#clips option").count() == 3
    assert "synthetic, nobody who exists" in page.locator("#facts").inner_text()
    page.keyboard.press("ArrowDown")
    assert page.locator("#name").inner_text() == EVIL
    assert page.locator("#facts").inner_text() == "what it shows is not known · 12 frames, 1 body, 25 joints"
    assert page.locator("tbody td").first.inner_text().startswith("<script>window.hacked = 1</script>")
    page.get_by_label("clip (of 3)").select_option("2")
    assert page.locator("#name").inner_text() == "flat"
    straight = drawn(page)
    page.locator("#stage").focus()
    page.keyboard.press("Shift+ArrowLeft")
    assert drawn(page) == straight  # nothing to turn in a picture
    page.keyboard.press("ArrowDown")
    assert page.locator("#name").inner_text() == "wave"


def test_a_phone(opened: Opener) -> None:
    page = opened(viewport={"width": 360, "height": 700}, device_scale_factor=2)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator("#stage").evaluate("canvas => [canvas.width, canvas.clientWidth]") == [636, 318]
    size = page.locator("svg.chart text").first.evaluate("text => text.getBoundingClientRect().height")
    assert size > 10  # letters do not shrink with the chart
    page.set_viewport_size({"width": 900, "height": 600})
    until(page, lambda: page.locator("svg.chart").first.evaluate("chart => chart.viewBox.baseVal.width") > 380)
    assert page.evaluate("document.documentElement.scrollWidth") == 900


@pytest.mark.parametrize(
    ("asked", "name", "shown"),
    [
        ("#clip=3&frame=5", "flat", 4),
        ("#frame=24", "wave", 23),
        ("#clip=9&frame=0", "wave", 0),
        ("#x&clip=a", "wave", 0),
    ],
)
def test_an_address_may_name_clip_and_frame(opened: Opener, asked: str, name: str, shown: int) -> None:
    page = opened("no-preference" if shown else "reduce", asked)
    page.wait_for_timeout(150)
    assert (page.locator("#name").inner_text(), frame(page)) == (name, shown)
