"""Read `dataset.yaml`, the settings of a custom data set, see docs/own-data.md."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stgdn.data.protocols import Protocol
from stgdn.data.readers.custom.clips_table import MOST_NUMBER, name_pattern
from stgdn.data.readers.custom.recording import MOST_BODIES, quoted
from stgdn.errors import InputError, choose
from stgdn.skeleton import Layout, define, layout

FILE = "dataset.yaml"
MOST_BYTES = 1 << 17
MOST_DEPTH = 8
MOST_WORD = 200  # characters
MOST_JOINTS = 1000

UNITS = {"metres": 1.0, "centimetres": 0.01, "millimetres": 0.001, "picture": 1.0}
# The file's axes that become x, y and z, and their signs; these are rotations, so that left stays left.
UP = {
    "y": ((0, 1, 2), (1, 1, 1)),
    "-y": ((0, 1, 2), (1, -1, -1)),
    "z": ((0, 2, 1), (1, 1, -1)),
    "-z": ((0, 2, 1), (1, -1, 1)),
    "x": ((1, 0, 2), (-1, 1, 1)),
    "-x": ((1, 0, 2), (1, -1, 1)),
}
SKELETON = ("joints", "bones", "mirrored", "centre", "spine", "shoulders")
KEYS = (
    *("name", "layout", *SKELETON, "units", "picture", "up", "zeros"),
    *("classes", "first_label", "subjects", "bodies", "pattern", "splits", "synthetic"),
)


@dataclass(frozen=True)
class Dataset:
    """Hold the content of `dataset.yaml`; the defaults are those of files without one.

    Attributes:
        layout: the joint layout; planar if the unit is `picture`.
        classes: class names in the order of labels.
        first_label: the number of the first class if labels are numbers, 0 or 1.
        subjects: names of the subjects 1, 2, ...; () if they are numbers.
        bodies: the most bodies a clip keeps.
        unit: factor from coordinates to metres.
        up: the axis that points up, a key of `UP`.
        picture: width and height in pixels; None for coordinates in shares of the picture.
        zeros_missing: True if a joint at exactly zero counts as not seen.
        pattern: pattern of clip names, see `name_pattern`.
        splits: protocols by name, the usual one first.
        synthetic: the clips are synthetic.
        loose_joints: joints that no bone connects to the root of `layout`, see `define`.
    """

    layout: Layout
    classes: tuple[str, ...]
    first_label: int = 0
    subjects: tuple[str, ...] = ()
    bodies: int = 1
    unit: float = 1.0
    up: str = "y"
    picture: tuple[float, float] | None = None
    zeros_missing: bool = True
    pattern: re.Pattern[str] | None = None
    splits: dict[str, Protocol] = field(default_factory=dict)
    synthetic: bool = False
    loose_joints: tuple[str, ...] = ()


def read_dataset(folder: Path) -> Dataset:
    """Read the `dataset.yaml` of a folder.

    Raises:
        InputError: it is missing, garbled or too large, has tags or aliases, an unknown key, or a value that does not
            fit; the sentence says which and what is allowed.
    """
    path = folder / FILE
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        if other := near_file(path):
            raise InputError(f"there is no '{path}': call '{other}' beside it {path.name}") from error
        raise InputError(
            f"'{path}' cannot be read ({error.strerror or error}): data.source=FOLDER names the folder that has it "
            "beside the clips, docs/own-data.md says what it must hold"
        ) from error
    try:
        if len(content) > MOST_BYTES:
            raise InputError(f"has more than {MOST_BYTES >> 10} kB")
        return _dataset(plain_yaml(content))
    except InputError as error:
        raise InputError(f"'{path}': {error}") from error


def near_file(path: Path) -> str | None:
    """Return the name of a file beside `path` that differs in letters' case alone, or ends in `.yml`."""
    names = (path.name, path.with_suffix(".yml").name)
    found = path.parent.iterdir() if path.parent.is_dir() else ()
    return next((file.name for file in found if file.name.casefold() in names), None)


def plain_yaml(content: bytes) -> Any:  # noqa: ANN401
    """Parse YAML into dictionaries, lists and words. Values are not converted: `no` is the word no, `1` the word 1.

    Raises:
        InputError: not YAML, tags, aliases, deeper than `MOST_DEPTH`, a key twice, or characters that do not print.
    """
    try:
        return _plain(_Loader(content.decode("utf-8-sig")).get_single_node())
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or "such characters"
        line = "" if mark is None else f" in line {mark.line + 1}"
        raise InputError(f"is not YAML{line}: {quoted(problem)}") from error


class _Loader(yaml.BaseLoader):
    """Reject tags, aliases and deep nesting before they are expanded."""

    depth = 0

    def get_event(self) -> yaml.Event:
        event = super().get_event()
        self.depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        found = getattr(event, "tag", None) and f"the tag {event.tag}"
        found = "an alias" if isinstance(event, yaml.AliasEvent) else found
        found = f"more than {MOST_DEPTH} levels" if self.depth > MOST_DEPTH else found
        if found:
            line = event.start_mark.line + 1
            raise InputError(f"line {line} has {quoted(found)[1:-1]}; only plain keys, words and lists are read")
        return event


def _plain(node: yaml.Node | None) -> Any:  # noqa: ANN401
    if isinstance(node, yaml.SequenceNode):
        return [_plain(part) for part in node.value]
    if isinstance(node, yaml.MappingNode):
        made: dict[str, Any] = {}
        for key, value in node.value:
            word = _plain(key)
            if not isinstance(word, str) or word in made:
                raise InputError(f"line {key.start_mark.line + 1} has a key twice, or one that is no word")
            made[word] = _plain(value)
        return made
    word = "" if node is None else node.value
    if not word.isprintable() or len(word) > MOST_WORD:
        raise InputError(f"has {quoted(word)}: more than {MOST_WORD} characters, or one that does not print")
    return word


def _dataset(content: object) -> Dataset:
    if not isinstance(content, dict):
        raise InputError("holds no keys; docs/own-data.md says which it needs")
    for key in content:
        choose(key, KEYS, "key")
    given = {key: value for key, value in content.items() if value not in ("", "null", "~")}
    for key in ("units", "classes", "splits"):
        if key not in given:
            raise InputError(f"has no '{key}', which is needed")
    units = _choice(given, "units", UNITS, "")
    planar = units == "picture"
    subjects = _words(given["subjects"], "subjects", 1) if "subjects" in given else ()
    if ("up" if planar else "picture") in given:
        raise InputError("'up' is for coordinates in space, 'picture' for `units: picture`: leave it out")
    skeleton = _layout(given, planar)
    return Dataset(
        layout=skeleton,
        classes=_words(given["classes"], "classes", 2),
        first_label=_whole(given.get("first_label", "0"), "'first_label'", 0, 1),
        subjects=subjects,
        bodies=_whole(given.get("bodies", "1"), "'bodies'", 1, MOST_BODIES),
        unit=UNITS[units],
        up=_choice(given, "up", UP, "y"),
        picture=picture_size(given["picture"]) if "picture" in given else None,
        zeros_missing=_choice(given, "zeros", ("missing", "places"), "missing") == "missing",
        pattern=name_pattern(_word(given["pattern"], "pattern"), subjects) if "pattern" in given else None,
        splits=_splits(given["splits"], subjects),
        synthetic=_choice(given, "synthetic", ("true", "false"), "false") == "true",
        loose_joints=_loose_joints(skeleton, given.get("bones")),
    )


def _word(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"'{key}' must be one word")
    return value


def _choice(given: Mapping[str, Any], key: str, allowed: Iterable[str], default: str) -> str:
    return choose(_word(given.get(key, default), key), allowed, f"value of '{key}'")


def _whole(value: object, what: str, least: int, most: int) -> int:
    if not isinstance(value, str) or not re.fullmatch("[0-9]{1,10}", value) or not least <= int(value) <= most:
        raise InputError(f"{what} is {quoted(value)}, allowed are whole numbers from {least} to {most:,}")
    return int(value)


def _layout(given: Mapping[str, Any], planar: bool) -> Layout:
    own = [key for key in SKELETON if key in given]
    if "layout" in given:
        if own:
            raise InputError(f"has both 'layout' and '{own[0]}': name a known layout, or define one")
        known = layout(_word(given["layout"], "layout"))
        if known.planar != planar:
            raise InputError(
                f"layout {known.name} is {'' if known.planar else 'not '}one in the picture: "
                f"say `units: {'picture' if known.planar else 'metres'}`, or take another layout"
            )
        return known
    for key in ("joints", "bones"):
        if not isinstance(given.get(key), list) or len(given[key]) > MOST_JOINTS:
            raise InputError(f"needs '{key}', a list of at most {MOST_JOINTS:,}, or 'layout', a known one")
    name = _word(given.get("name", "own"), "name")
    return define({key: given[key] for key in own} | {"name": name, "planar": planar})


def _loose_joints(skeleton: Layout, bones: Sequence[Any] | None) -> tuple[str, ...]:
    """Return the joints that `define` has connected to the root, as no bone does."""
    children = skeleton.joints if bones is None else [skeleton.joints[skeleton.root], *(child for child, _ in bones)]
    return tuple(joint for joint in skeleton.joints if joint not in children)


def _words(value: object, key: str, least: int) -> tuple[str, ...]:
    words = [word for word in value if isinstance(word, str) and word] if isinstance(value, list) else []
    if not isinstance(value, list) or len(words) < max(len(value), least) or len(set(words)) < len(words):
        raise InputError(f"'{key}' must be a list of {('one', 'two')[least - 1]} or more names, each of them once")
    return tuple(words)


def picture_size(value: object) -> tuple[float, float]:
    """Return width and height of a picture; anything else is refused."""
    listed = [] if isinstance(value, str) or not isinstance(value, Sequence) else list(value)
    sizes = [_whole(str(size), "a size in 'picture'", 1, 1_000_000) for size in listed]
    if len(sizes) != 2:
        raise InputError("'picture' must be [width, height] in pixels")
    return sizes[0], sizes[1]


def _splits(value: object, subjects: Sequence[str]) -> dict[str, Protocol]:
    splits = {name: _protocol(name, rule, subjects) for name, rule in value.items()} if isinstance(value, dict) else {}
    if not splits or not all(rule.train for rule in splits.values()):
        raise InputError("'splits' must name at least one and what trains, such as `xsub: {subject: [1, 2, 5]}`")
    return splits


def _protocol(name: str, rule: object, subjects: Sequence[str]) -> Protocol:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name):
        raise InputError(f"split {quoted(name)} must be called with letters, digits, '_', '-' and '.' only")
    if not isinstance(rule, dict) or len(rule) != 1:
        raise InputError(f"split '{name}' must say one thing, which clips train: {{subject: [1, 2, 5]}} for example")
    ((by, values),) = rule.items()
    choose(by, ("subject", "camera", "setup", "name", "share"), f"kind of split '{name}'")
    listed, what = values if isinstance(values, list) else [values], f"a {by} of split '{name}'"
    if by == "share":
        return Protocol(by, (_share(listed[0] if len(listed) == 1 else values, what),))
    if by == "name":
        return Protocol(by, tuple(_word(value, what) for value in listed))
    if by == "subject" and subjects:
        return Protocol(by, tuple(subjects.index(choose(_word(value, what), subjects, what)) + 1 for value in listed))
    return Protocol(by, tuple(_whole(value, what, 0, MOST_NUMBER) for value in listed))


def _share(value: object, what: str) -> float:
    if not isinstance(value, str) or not re.fullmatch(r"0?\.[0-9]{1,9}", value) or not float(value):
        raise InputError(f"{what} is {quoted(value)}, allowed are numbers between 0 and 1, such as 0.8")
    return float(value)
