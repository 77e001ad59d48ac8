"""Files of a fusion: source runs, found by name or pattern, and the output folder."""

import glob
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from stgdn.errors import InputError
from stgdn.files import file_name, write_json
from stgdn.reports.fusion.alignment import StreamScores, load_stream
from stgdn.reports.fusion.score_fusion import Fusion
from stgdn.runs.folder import FUSION, SCORES, SUMMARY
from stgdn.runs.result import Result, read_result

FUSION_METHOD = "scores before the softmax, weighted and added"


@dataclass(frozen=True)
class Source:
    """Hold a stream to fuse.

    Attributes:
        part: scores of the stream and their source.
        run: the finished run of these test scores; None for a score file without a run.
    """

    part: StreamScores
    run: Result | None


def find_sources(runs: str | Sequence[str]) -> list[Source]:
    """Open finished runs or score files.

    Args:
        runs: folders or `.npz` files, or patterns such as `outputs/demo/st_gdn/*/demo-seed1`. Fusions that match a
            pattern are skipped.

    Raises:
        InputError: no such path, an unfinished run, or a file without scores.
    """
    return [_open(path) for given in ([runs] if isinstance(runs, str) else runs) for path in _find(str(given))]


def fusion_folder(outputs: str | Path, sources: Sequence[Source], fusion: Fusion) -> Path:
    """Return the output folder of a fusion: `outputs/DATA/MODEL/fused-joint+bone/RECIPE-seedN`.

    Raises:
        InputError: a score file without a run, or names that cannot be file names.
    """
    runs = [source.run for source in sources if source.run is not None]
    if len(runs) < len(sources):
        orphan = next(source.part.place for source in sources if source.run is None)
        raise InputError(f"{orphan} does not belong to a run: say with folder= where the fusion is to be written")
    weights = "" if fusion.default else "+weights" + "".join(f"-{stream.weight:g}" for stream in fusion.contributions)
    names = {
        "data": _joined(run.data for run in runs),
        "model": _joined(run.model for run in runs),
        "stream": f"fused-{fusion.scores.stream}",
        "recipe": _joined(run.folder.absolute().name for run in runs) + weights,
    }
    return Path(outputs, *(file_name(name, what) for what, name in names.items()))


def write_fusion(folder: Path, sources: Sequence[Source], fusion: Fusion) -> None:
    """Write `scores.npz` and `fusion.json` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    fusion.scores.save(folder / SCORES)
    write_json(folder / FUSION, as_json(sources, fusion))


def as_json(sources: Sequence[Source], fusion: Fusion) -> dict[str, Any]:
    """Return the content of `fusion.json` as plain values, with the keys of `summary.json` where they apply."""
    split = fusion.scores.split
    content: dict[str, Any] = {
        "stream": fusion.scores.stream,
        "how": FUSION_METHOD,
        "default_weights": fusion.default,
        f"{split}_top1": fusion.top1,
        **({} if fusion.top5 is None else {f"{split}_top5": fusion.top5}),
        "clips": len(fusion.scores.names),
        "streams": [vars(stream) | {"adds": fusion.top1 - stream.without} for stream in fusion.contributions],
        "command": fusion_command(fusion),
    }
    runs = [source.run for source in sources if source.run is not None]
    if len(runs) < len(sources):
        return content
    seeds = sorted({run.seed for run in runs})
    return content | {
        "data": _joined(run.data for run in runs),
        "synthetic": any(run.synthetic for run in runs),
        "model": _joined(run.model for run in runs),
        "recipe": _joined(run.recipe for run in runs),
        "seed": seeds[0] if len(seeds) == 1 else seeds,
        "epochs": max(run.epochs for run in runs),
        "parameters": sum(run.parameters for run in runs),
        "flops": sum(run.flops for run in runs),
        "clip_shape": list(runs[0].clip_shape),
    }


def fusion_command(fusion: Fusion) -> str:
    """Return the command that makes a fusion."""
    streams = fusion.contributions
    weights = [] if fusion.default else [f"weights.{stream.stream}={stream.weight:g}" for stream in streams]
    sources = ",".join(stream.place for stream in streams)
    return shlex.join(["python", "src/fuse.py", f"runs=[{sources}]", *weights])


def print_fusion(sources: Sequence[Source], fusion: Fusion) -> None:
    """Print top-1 and top-5 of every stream and of the fusion, and the gain by each stream."""
    console = Console(width=120, markup=False, emoji=False, highlight=False)
    scores = fusion.scores
    synthetic = " of synthetic people" if any(source.run and source.run.synthetic for source in sources) else ""
    table = Table(
        "stream", "weight", "top-1", "top-5", "adds", title=f"{len(scores.names):,} {scores.split} clips{synthetic}"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for stream in fusion.contributions:
        percents, adds = _percents(stream.top1, stream.top5), f"{fusion.top1 - stream.without:+.2f}"
        table.add_row(stream.stream, f"{stream.weight:g}", *percents, adds)
    table.add_section()
    table.add_row(scores.stream, "", *_percents(fusion.top1, fusion.top5), "", style="bold")
    console.print(table)
    console.print(f"fused: {FUSION_METHOD}; adds: top-1 over that of the other streams fused")
    for name, values in _mixed_properties(sources):
        console.print(f"of several {name}: {values}")


def _mixed_properties(sources: Sequence[Source]) -> list[tuple[str, str]]:
    """Return names and values of properties that differ between the runs: network, recipe, seed."""
    runs = [source.run for source in sources if source.run is not None]
    kinds = {
        "networks": [run.model for run in runs],
        "recipes": [run.recipe for run in runs],
        "seeds": [str(run.seed) for run in runs],
    }
    return [(name, ", ".join(dict.fromkeys(values))) for name, values in kinds.items() if len(set(values)) > 1]


def _find(given: str) -> list[Path]:
    """Return the folders and files of a name or pattern."""
    if not glob.has_magic(given):
        return [Path(given)]
    matching = sorted(map(Path, glob.glob(given)))  # noqa: PTH207 (Path.glob takes no absolute patterns)
    sources = [path for path in matching if not (path / FUSION).exists()]
    if not sources:
        raise InputError(f"nothing is called {given}: run folders are outputs/DATA/MODEL/STREAM/RECIPE-seedN")
    return sources


def _open(path: Path) -> Source:
    """Read the test scores of a run, or a score file."""
    if not path.exists():
        raise InputError(f"no run or score file {path}: run folders are outputs/DATA/MODEL/STREAM/RECIPE-seedN")
    if not path.is_dir():
        run = read_result(path.parent) if path.name == SCORES and (path.parent / SUMMARY).exists() else None
        return Source(load_stream(path), run)
    if (path / FUSION).exists():
        raise InputError(f"{path} is a fusion itself: give the runs that it was made from")
    if not (path / SUMMARY).exists():
        raise InputError(f"{path} is no finished run: finish it with its command and resume=true, or leave it out")
    return Source(load_stream(path / SCORES, str(path)), read_result(path))


def _joined(values: Iterable[str]) -> str:
    return "+".join(dict.fromkeys(values))


def _percents(top1: float, top5: float | None) -> tuple[str, str]:
    return f"{top1:.2f}", "" if top5 is None else f"{top5:.2f}"
