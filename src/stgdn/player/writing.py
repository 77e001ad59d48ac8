"""Scenes as files: a page to play them, a film, or a contact sheet, by the file's name."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from stgdn.errors import choose
from stgdn.files import replacing
from stgdn.player.content import page_content
from stgdn.player.film import expect_encoder, write_film
from stgdn.player.html_file import HtmlFile
from stgdn.player.scenes import Scene
from stgdn.player.sheet import write_sheet

KINDS = (".html", ".png", ".gif", ".mp4")
PAGE = HtmlFile.read("stgdn.player", ("clip", "stage", "chart", "answers", "page"))
TITLE = "What a network says of clips, and what it looks at"


def expect_kind(given: str | None) -> None:
    """Check that a file of this name can be made, before any long computation.

    Raises:
        InputError: another kind of file, or a film that cannot be encoded here.
    """
    if given is not None:
        choose(Path(given).suffix.lower() or given, KINDS, "kind of file in player=")
        expect_encoder(Path(given))


def write_scenes(scenes: Sequence[Scene], path: Path) -> None:
    """Write scenes, at least one, in the format of the file name's ending: one of `KINDS`."""
    match path.suffix.lower():
        case ".html":
            write_page(scenes, path)
        case ".png":
            write_sheet(scenes, path)
        case _:
            write_film(scenes, path)


def write_page(scenes: Sequence[Scene], path: Path, title: str = TITLE, subtitle: str = "") -> None:
    """Write one HTML file that plays clips, at least one, and needs nothing else; whole or not at all.

    Args:
        scenes: of the clips.
        path: of the file.
        title: of the page.
        subtitle: text below the title, before the number of clips.
    """
    with replacing(path) as temporary:
        temporary.write_text(page(scenes, title, subtitle), encoding="utf-8")


def page(scenes: Sequence[Scene], title: str = TITLE, subtitle: str = "") -> str:
    """Return the page as text; arguments as of `write_page`."""
    heading = f"<h1>{escape(title)}</h1>\n<p>{escape(f'{subtitle} {summary(scenes)}'.strip())}</p>"
    parts = {"title": escape(title), "header": f"<header>\n{heading}\n</header>"}
    return PAGE.text(page_content(scenes), parts)


def frame() -> str:
    """Return the page without a heading, for a frame of another page; replace `{{data}}` by `page_content`."""
    return PAGE.frame({"title": escape(TITLE), "header": ""})


def summary(scenes: Sequence[Scene]) -> str:
    """Return sentences: the number of clips, how many each network has right, and whether people are synthetic."""
    count = "1 clip" if len(scenes) == 1 else f"{len(scenes):,} clips"
    known = [scene for scene in scenes if scene.truth is not None]
    sentences = [f"{count}."]
    for name in dict.fromkeys(reading.network for scene in known for reading in scene.readings):
        right = sum(
            scene.label in reading.top(1) for scene in known for reading in scene.readings if reading.network == name
        )
        sentences.append(f"{name or 'The network'} is right on {right} of {len(known)}.")
    if fake := sum(scene.synthetic for scene in scenes):
        sentences.append(
            "Synthetic people, nobody who exists." if fake == len(scenes) else "Some people are synthetic."
        )
    return " ".join(sentences)
