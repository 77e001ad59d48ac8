"""Look into a folder of clips that has no `dataset.yaml`, and make a template of that file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stgdn.data.clip import ClipError, ClipFile
from stgdn.data.readers.custom.csv_clips import read_csv, read_table_rows
from stgdn.data.readers.custom.custom_reader import CustomReader, clip_paths
from stgdn.data.readers.custom.dataset_yaml import FILE, Dataset, near_file
from stgdn.data.readers.custom.npz_clips import read_arrays, read_npz
from stgdn.data.readers.custom.pose_files import SUFFIXES, read_poses
from stgdn.data.readers.custom.recording import MOST_BYTES, Recording
from stgdn.data.readers.raw_files import read_bytes
from stgdn.data.store.checks import up_axis
from stgdn.data.store.scan import lengths_by_layout
from stgdn.errors import InputError
from stgdn.skeleton import LAYOUTS, Layout, define

SAMPLE = 20  # clips that are read


def template(folder: Path) -> str:
    """Return a `dataset.yaml` to fill in, after comments on what the folder holds; '' if it has one, or no clip.

    Raises:
        InputError: clips, none of which can be read.
    """
    file, paths, read, reason = folder / FILE, list(clip_paths(folder)), list[tuple[Layout, Recording]](), ""
    if not paths or (file.exists() and file.stat().st_size) or (not file.exists() and near_file(file)):
        return ""
    for path in paths[:: len(paths) // SAMPLE + 1]:
        try:
            read.append(_look_into(path))
        except ClipError as error:
            reason = f"{path.relative_to(folder)}: {error}"
    if not read:
        raise InputError(f"no clip of '{folder}' can be read ({reason}): docs/own-data.md says what is read")
    layout, recordings = read[0][0], [recording for skeleton, recording in read if skeleton == read[0][0]]
    length = max(int(body.frames[-1] - body.frames[0]) for found in recordings for body in found.bodies) + 1
    poses = np.nan_to_num(np.concatenate([body.positions for found in recordings for body in found.bodies]))
    points, up = poses[poses.any(axis=-1)], up_axis(poses, layout.joints)
    lines = [
        f"# {folder} has no {FILE}, but {len(paths):,} clips; in {len(recordings)} read: {layout.num_joints} joints,",
        f"# up to {length:,} frames, from {points.min(0).round(3).tolist()} to {points.max(0).round(3).tolist()},",
        f"# up seems to be {up or 'unknown'}. Check every line, save all as {file}, and type the command again.",
        f"layout: {layout.name}" if layout.name in LAYOUTS else f"joints: [{', '.join(layout.joints)}]\nbones: []",
        "units: picture" if layout.planar else f"units: metres # or centimetres, millimetres\nup: {up or 'y'}",
    ]
    if layout.planar and points.max() > 2 and not all(found.picture for found in recordings):
        lines.append("picture: [WIDTH, HEIGHT] # in pixels")
    names = [CustomReader(folder, Dataset(layout, ())).clip_files(path)[0].name for path in paths]
    labels = sorted({name.partition("/")[0] for name in names if "/" in name})
    by_folder = 1 < len(labels) < len(names)
    lines += [f"classes: {labels}" if by_folder else "classes: [FIRST, SECOND]"]
    lines += [f'pattern: "{{label}}{"/" if by_folder else "_"}{{any}}" # of names such as {names[0]}']
    lines += ["splits:\n  random: {share: 0.8} # of each class's clips; if names say who is who: {subject: [1, 2]}"]
    return "\n".join(lines)


def _look_into(path: Path) -> tuple[Layout, Recording]:
    """Return the joints of a clip's file, by their names or number, and its content."""
    if path.suffix.lower() in SUFFIXES:
        recording = read_poses(ClipFile(path.name, str(path)))
        return _likely_layout(recording.bodies[0].positions), recording
    content = read_bytes(ClipFile(path.name, str(path)), MOST_BYTES)
    if path.suffix.lower() == ".npz":
        joints = read_arrays(content)["joints"]
        layout = _likely_layout(np.zeros((1, *joints.shape[-2:])))
        return layout, read_npz(content, layout)
    columns = read_table_rows(content)[0]
    names = [name.removesuffix("_x") for name in columns if name.endswith("_x")] or ["JOINT"]
    layout = _likely_layout(np.zeros((1, len(names), 3 if f"{names[0]}_z" in columns else 2)), names)
    return layout, read_csv(content, layout)


def _likely_layout(poses: NDArray[np.float64], names: list[str] | None = None) -> Layout:
    """Return a known layout of poses (n, V, D), of these names if they are given, or one without bones."""
    _, V, D = poses.shape
    for known in map(LAYOUTS.__getitem__, lengths_by_layout(poses)):
        if set(names or known.joints) == set(known.joints):
            return known
    return define({"joints": names or [f"joint{number}" for number in range(V)], "bones": [], "planar": D == 2})
