"""Names in other scripts: characters come from fonts that are installed, and one note says which are missing."""

import warnings
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from stgdn.fonts import FALLBACKS, missing_characters_told, use_installed_fonts
from stgdn.reports.output_file import save_figure


def titled(name: str) -> Figure:
    figure = Figure()
    figure.suptitle(name)
    return figure


def test_one_note_for_all_missing_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_figure(titled("\U000f0001\U000f0002 wave"), tmp_path / "a.png")  # characters that no font has
    told = capsys.readouterr().err
    assert told.startswith(f"note: no font of this machine has 2 characters of the names in {tmp_path / 'a.png'}")
    assert len(told.splitlines()) == 1
    save_figure(titled("wave"), tmp_path / "b.png")
    assert capsys.readouterr().err == ""


def test_other_warnings_come_through() -> None:
    with pytest.warns(UserWarning, match="slow"), missing_characters_told("a picture"):
        warnings.warn("slow", UserWarning, stacklevel=1)


@pytest.mark.parametrize("name", ["Noto Sans CJK JP", "Noto Sans Devanagari", "Microsoft YaHei", "PingFang SC"])
def test_fonts_of_this_machine_are_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(font_manager, "get_font_names", lambda: ["DejaVu Serif", name, "Comic Sans MS"])
    use_installed_fonts.cache_clear()
    with mpl.rc_context():
        use_installed_fonts()
        assert mpl.rcParams["font.family"] == ["DejaVu Sans", name]
    use_installed_fonts.cache_clear()
    assert not FALLBACKS.fullmatch("DejaVu Sans")
