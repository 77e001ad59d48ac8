"""Labels, subjects and cameras of clips of a custom data set: from the file, its name, or the table `clips.csv`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from stgdn.data.clip import ClipError, ClipFile
from stgdn.data.readers.custom.csv_clips import read_table_rows
from stgdn.data.readers.custom.recording import METADATA_KEYS, Metadata, hint, quoted
from stgdn.data.readers.raw_files import read_bytes
from stgdn.errors import InputError, choose

TABLE = "clips.csv"
MOST_BYTES = 64 << 20
MOST_NUMBER = (1 << 31) - 1


def name_pattern(pattern: str, subjects: Sequence[str] = ()) -> re.Pattern[str]:
    """Return a regular expression that matches whole clip names.

    Args:
        pattern: text with `METADATA_KEYS` in braces, such as `{label}/s{subject}_r{replication}`; `{any}` matches text
            that is ignored. Each may occur once.
        subjects: the names of subjects; without names they are numbers.

    Raises:
        InputError: something else in braces, something twice, or nothing in braces.
    """
    parts = re.split(r"\{([^{}]*)\}", pattern)
    fields, expression = parts[1::2], re.escape(parts[0])
    for name, literal in zip(fields, parts[2::2], strict=True):
        choose(name, (*METADATA_KEYS, "any"), f"field of the pattern {quoted(pattern)}")
        value = ".+?" if name in ("label", "any") else "[0-9]{1,9}"
        if name == "subject" and subjects:
            value = "|".join(map(re.escape, sorted(subjects, key=len, reverse=True)))
        expression += f"(?P<{name}>{value}){re.escape(literal)}"
    if not fields or len(set(fields)) < len(fields):
        raise InputError(f"the pattern {quoted(pattern)} must have fields such as {{label}}, each of them once")
    return re.compile(expression)


def metadata_from_name(pattern: re.Pattern[str] | None, name: str) -> Metadata | None:
    """Return the metadata in a clip's name; None if the name does not fit the pattern."""
    if pattern is None:
        return {}
    match = pattern.fullmatch(name)
    return {key: found for key, found in match.groupdict().items() if key in METADATA_KEYS} if match else None


def read_table(folder: Path) -> dict[str, Metadata]:
    """Read the metadata in `clips.csv` by clip name; {} if there is no such file.

    Raises:
        InputError: the table has no column `name`, an unknown one, a row of another length or a name twice, or cannot
            be read.
    """
    path = folder / TABLE
    if not path.exists():
        return {}
    try:
        head, rows = read_table_rows(read_bytes(ClipFile(TABLE, str(path)), MOST_BYTES))
        for column in head:
            choose(column, ("name", *METADATA_KEYS), f"column of '{path}'")
        if "name" not in head or len(set(head)) < len(head):
            raise ClipError(f"needs a first line such as name,{','.join(METADATA_KEYS)}, each of them once")
        clips: dict[str, Metadata] = {}
        for line, row in rows:
            given: Metadata = {key: cell.strip() for key, cell in zip(head, row, strict=True) if cell.strip()}
            name = str(given.pop("name", "")).removesuffix(".npz").removesuffix(".csv")
            if name in clips or not name:
                raise ClipError(f"line {line} has {f'{quoted(name)} again' if name else 'no name'}")
            clips[name] = given
    except ClipError as error:
        raise InputError(f"'{path}': {error}") from error
    return clips


def merge_metadata(
    sources: Mapping[str, Metadata],
    classes: Sequence[str],
    first_label: int,
    needed: Mapping[str, str] | None = None,
    subjects: Sequence[str] = (),
) -> dict[str, int]:
    """Merge the metadata of one clip from several sources, and convert it to numbers.

    Args:
        sources: metadata by name of the source.
        classes: class names in the order of labels.
        first_label: the number of the first class if labels are numbers.
        needed: keys that a clip must have besides its label, with the name of the split that needs them; None if it
            needs neither these nor a label.
        subjects: names of the subjects 1, 2, ...; () if they are numbers.

    Returns:
        The label, from 0, and all other known numbers, by `METADATA_KEYS`.

    Raises:
        ClipError: sources that contradict each other, an unknown class, a number out of range, or a missing value.
    """
    merged: dict[str, int] = {}
    first_source: dict[str, str] = {}
    for source, metadata in sources.items():
        for key, value in metadata.items():
            if key == "label":
                number = _label(value, classes, first_label)
            else:
                number = _whole(value, key, subjects if key == "subject" else ())
            if merged.setdefault(key, number) != number:
                raise ClipError(f"has another {key} in {source} than in {first_source[key]}")
            first_source.setdefault(key, source)
    if needed is not None and "label" not in merged:
        raise ClipError(f"has no label, neither in its file nor in {TABLE} nor by a pattern for its name")
    for key, user in (needed or {}).items():
        if key not in merged:
            raise ClipError(f"has no {key}, which {user} needs")
    return merged


def _label(value: str | int, classes: Sequence[str], first_label: int) -> int:
    if value in classes:
        return classes.index(str(value))
    if not isinstance(value, int) and not re.fullmatch("-?[0-9]{1,9}", value):
        raise ClipError(f"unknown class {quoted(value)}{hint(value, classes)}")
    if not 0 <= int(value) - first_label < len(classes):
        raise ClipError(
            f"label {value} is outside the {len(classes)} classes, counted from {first_label} "
            "(`first_label` in dataset.yaml)"
        )
    return int(value) - first_label


def _whole(value: str | int, key: str, names: Sequence[str]) -> int:
    if names and str(value) not in names:
        raise ClipError(f"unknown {key} {quoted(value)}{hint(str(value), names)} (`{key}s` in dataset.yaml)")
    if names:
        return names.index(str(value)) + 1
    known = isinstance(value, int) or re.fullmatch("[0-9]{1,10}", value)
    if not known or not 0 <= int(value) <= MOST_NUMBER:
        raise ClipError(f"its {key} {quoted(value)} is not a whole number from 0 up")
    return int(value)
