"""Pages that are one HTML file: a template with its style, its script and its data inside."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

ELEMENTS = files("stgdn").joinpath("html_elements.js").read_text(encoding="utf-8")  # how a script makes elements


def assembled(template: str, style: str, script: str, data: Any, parts: Mapping[str, str]) -> str:  # noqa: ANN401
    """The page as text.

    Its policy lets this one script and this one style act and forbids everything else, requests included.

    Args:
        template: HTML in which `{{policy}}`, `{{style}}`, `{{script}}`, `{{data}}` and the names of `parts` stand.
        style: CSS.
        script: JavaScript, which has the functions of `html_elements.js`.
        data: what the script draws, plain values; numbers are finite.
        parts: further HTML, escaped already.
    """
    script = f"{ELEMENTS}\n{script}"
    everything = {
        "policy": f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        "style": style,
        "script": script,
        "data": json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        **parts,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: everything[match[1]], template)


def _hash(text: str) -> str:
    """How a policy names an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
