"""Find raw clips by path or pattern, in any format that `src/prepare.py` reads, with their readers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stgdn.data.clip import UNKNOWN, Clip, ClipError, ClipFile
from stgdn.data.readers.bodies import drop_empty_frames
from stgdn.data.readers.custom.pose_files import first_frames, form_of
from stgdn.data.readers.detect import FORMATS, Expected, Source, is_nw_ucla, is_sbu, kind_of, suffixes
from stgdn.data.store.checks import expect_usable
from stgdn.errors import InputError, choose
from stgdn.files import matching

ASIDE = re.compile(r"clips\.csv|.*_label\.(json|pkl)|__MACOSX|\..*")  # files and folders beside clips
MOST_FOLDERS = 4  # how deep clips may lie below a folder


@dataclass
class FoundClips:
    """Hold the clips found at the given paths.

    Attributes:
        sources: sources with clips to read.
        left_out: (name, reason) of files that are known to be unusable before any clip is read.
    """

    sources: list[Source] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of clips to read."""
        return sum(len(source.files) for source in self.sources)

    def files(self) -> Iterator[tuple[Source, ClipFile]]:
        """Yield every clip's file with its source."""
        yield from ((source, file) for source in self.sources for file in source.files)


def find_clips(clips: str | Sequence[str], reader: str, expected: Expected) -> FoundClips:
    """Find raw clips.

    Args:
        clips: files, folders or patterns.
        reader: one of `FORMATS`, or `auto` to detect the format.
        expected: defaults for what the files do not say.

    Raises:
        InputError: no such path, no clip in it, or a single file that is no clip.
    """
    choose(reader, ("auto", *FORMATS), "reader")
    found, patterns = FoundClips(), [clips] if isinstance(clips, str) else list(clips)
    for path in [path for pattern in patterns for path in _clip_paths(str(pattern), reader)]:
        try:
            source = FORMATS[kind_of(path) if reader == "auto" else reader].open(path, expected)
        except InputError as error:
            found.left_out.append((str(path), str(error)))
            continue
        found.sources.append(replace(source, empty_frames=expected.empty_frames is not False))
        found.left_out += source.left_out
    if not len(found) and len(found.left_out) == 1:
        raise InputError(": ".join(found.left_out[0]))
    if not len(found) and not found.left_out:
        raise InputError(
            f"no clip in {', '.join(patterns)}: looked for files that end in {', '.join(suffixes(reader))}"
        )
    return found


def read_clip(source: Source, file: ClipFile, scale: float = 1.0) -> Clip:
    """Parse a clip and check it; `scale` is the factor from the clip's unit to metres.

    Raises:
        ClipError: the clip cannot be used; the message is the reason.
    """
    try:
        clip = source.read(file)
        clip = clip if source.empty_frames else drop_empty_frames(clip)
        if scale != 1 and not source.reader.layout.planar:
            clip.joints = clip.joints * clip.joints.dtype.type(scale)
        expect_usable(clip, source.reader.layout)
    except InputError as error:
        raise ClipError(str(error)) from None
    return clip


def match_label(label: int, reader_classes: tuple[str, ...], network_classes: tuple[str, ...]) -> int:
    """Return a clip's label among the network's classes, by name, or by number if one of both has no names; -1 if none.

    Args:
        label: index in the reader's classes, -1 if unknown.
        reader_classes: the reader's classes.
        network_classes: the network's.
    """
    if not 0 <= label < len(reader_classes):
        return UNKNOWN
    if _are_numbered(reader_classes) or _are_numbered(network_classes):
        return label if len(reader_classes) <= len(network_classes) else UNKNOWN
    return network_classes.index(reader_classes[label]) if reader_classes[label] in network_classes else UNKNOWN


def _are_numbered(classes: tuple[str, ...]) -> bool:
    """Return whether classes have numbers as names: `class 0`, `class 1`, ..."""
    return all(re.fullmatch("class [0-9]+", name) for name in classes)


def _clip_paths(given: str, reader: str) -> Iterator[Path]:
    """Yield the files of a path or pattern, and folders that are one source as a whole."""
    found = matching(given)
    if not any(path.exists() for path in found):
        raise InputError(f"{given} is not there: give a file, a folder, or a pattern in quotes")
    paths = found if len(found) == 1 else [path for path in found if not ASIDE.fullmatch(path.name)]
    for path in first_frames(paths):
        if path.is_file() or kind_of(path) == reader or (reader == "auto" and kind_of(path)):
            yield path
        else:
            yield from _paths_below(path, reader)


def _paths_below(folder: Path, reader: str) -> Iterator[Path]:
    """Yield files that may be clips in a folder and its subfolders, in the order of their names."""
    known = suffixes(reader)
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in known and path.is_file()]
    for path in first_frames(files):
        parts = path.relative_to(folder).parts
        hidden = len(parts) > MOST_FOLDERS + 1 or any(ASIDE.fullmatch(part) for part in parts)
        if not hidden and _is_clip(path, reader):
            yield path


def _is_clip(path: Path, reader: str) -> bool:
    """Return False for other text files and, if the format is not known, for JSON files without poses."""
    if path.suffix.lower() == ".txt":
        return is_sbu(path) or form_of(path) != ""
    return path.suffix.lower() != ".json" or reader != "auto" or is_nw_ucla(path) or form_of(path) != ""
