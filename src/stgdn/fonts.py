"""Fonts of pictures, for names in any script."""

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

# Families that have what matplotlib's own font lacks, as Linux, macOS and Windows call them.
FALLBACKS = re.compile(
    r"(Noto Sans|Source Han Sans|WenQuanYi|Droid Sans Fallback|IPA.?Gothic|Nanum|Unifont|Arial Unicode|Hiragino|"
    r"PingFang|Heiti|Apple SD Gothic|Microsoft YaHei|Microsoft JhengHei|SimHei|Yu Gothic|Meiryo|Malgun|Segoe UI|"
    r"Nirmala|Leelawadee)\b.*"
)


@cache
def use_installed_fonts() -> None:
    """Let matplotlib take characters that its own font lacks from the fonts of this machine."""
    from matplotlib import font_manager, rcParams  # late: slow, and pictures are optional

    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    found = sorted(name for name in font_manager.get_font_names() if FALLBACKS.fullmatch(name))
    rcParams["font.family"] = ["DejaVu Sans", *found]


def plain_text(text: object) -> str:
    """Return a name as text for matplotlib, which reads what is between two dollar signs as a formula."""
    return str(text).replace("$", r"\$")


@contextmanager
def missing_characters_told(picture: str) -> Iterator[None]:
    """Replace matplotlib's warnings, one a character, by one note on standard error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    missing = {match[1] for one in caught if (match := re.match(r"Glyph \d+ \((.*)\) missing", str(one.message)))}
    for other in (one for one in caught if not str(one.message).startswith("Glyph ")):
        warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    if missing:
        print(
            f"note: no font of this machine has {len(missing)} characters of the names in {picture}, boxes stand for "
            "them: install one that has, such as Noto Sans CJK (fonts-noto-cjk)",
            file=sys.stderr,
            flush=True,
        )
