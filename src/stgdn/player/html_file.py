"""Pages that are one HTML file: a template with its style, its script and its data inside."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

# Functions with which scripts make elements.
ELEMENTS = files("stgdn.player").joinpath("html_elements.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class HtmlFile:
    """Hold a page without its data.

    Its policy admits its own script and style and those of its frames, and forbids all else, requests included.

    Attributes:
        template: HTML in which `{{policy}}`, `{{style}}`, `{{script}}`, `{{data}}` and names of further parts stand.
        style: CSS.
        script: JavaScript.
        frames: pages that the script may show in frames; they are under its policy too.
    """

    template: str
    style: str
    script: str
    frames: tuple["HtmlFile", ...] = ()

    @classmethod
    def read(cls, package: str, scripts: Sequence[str]) -> "HtmlFile":
        """Read the page of a package: `page.html`, `page.css` and scripts in its folder `template`.

        Args:
            package: such as `stgdn.player`.
            scripts: names without `.js`; each may use what those before it and `html_elements.js` define.
        """
        folder = files(package).joinpath("template")
        html, style, *parts = (
            folder.joinpath(name).read_text(encoding="utf-8")
            for name in ("page.html", "page.css", *(f"{script}.js" for script in scripts))
        )
        return cls(html, style, "\n".join([ELEMENTS, *parts]))

    @property
    def policy(self) -> str:
        """Return the content security policy of the page."""
        pages = (self, *self.frames)
        styles = " ".join(_hash(page.style) for page in pages)
        scripts = " ".join(_hash(page.script) for page in pages)
        return (
            f"default-src 'none'; img-src data:; style-src {styles}; script-src {scripts}; "
            "base-uri 'none'; form-action 'none'"
        )

    def text(self, data: Any, parts: Mapping[str, str]) -> str:  # noqa: ANN401
        """Return the page as text.

        Args:
            data: what the script draws, plain values; numbers are finite.
            parts: further HTML, escaped already.
        """
        encoded = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
        return self._filled({"data": encoded, **parts})

    def frame(self, parts: Mapping[str, str]) -> str:
        """Return the page as text with `{{data}}` left in, for a script that shows it in a frame."""
        return self._filled({"data": "{{data}}", **parts})

    def _filled(self, parts: Mapping[str, str]) -> str:
        everything = {"policy": self.policy, "style": self.style, "script": self.script, **parts}
        return re.sub(r"\{\{(\w+)\}\}", lambda match: everything[match[1]], self.template)


def _hash(text: str) -> str:
    """Return the hash by which a policy names an inline script or style."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") + "'"
