"""Files of a fusion: source runs, found by name or pattern, and the output folder."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from stgdn.errors import InputError
from stgdn.files import file_name, matching, write_json
from stgdn.reports.fusion.score_fusion import Contribution, Fusion, StreamScores
from stgdn.rounding import fixed
from stgdn.runs.folder import FUSION, SCORES, SUMMARY
from stgdn.runs.result import Result, read_result
from stgdn.runs.scores import Scores

FUSION_METHOD = "scores before the softmax, weighted and added"


def find_sources(runs: str | Sequence[str]) -> list[StreamScores]:
    """Read the test scores of finished runs, or score files.

    Args:
        runs: folders or `.npz` files, or patterns such as `outputs/demo/st_gdn/*/demo-seed1`. Fusions that match a
            pattern are skipped.
    """
    return [_read(path) for given in ([runs] if isinstance(runs, str) else runs) for path in _find(str(given))]


def _find(given: str) -> list[Path]:
    """Return the folders and files of a name or pattern."""
    found = matching(given)
    if len(found) == 1:
        return found
    sources = [path for path in found if not (path / FUSION).exists()]
    if not sources:
        raise InputError(f"nothing is called {given}: run folders are outputs/DATA/MODEL/STREAM/RECIPE-seedN")
    return sources


def _read(path: Path) -> StreamScores:
    """Read the test scores of a run, or a score file."""
    if not path.exists():
        raise InputError(f"no run or score file {path}: run folders are outputs/DATA/MODEL/STREAM/RECIPE-seedN")
    if not path.is_dir():
        run = read_result(path.parent) if path.name == SCORES and (path.parent / SUMMARY).exists() else None
        return StreamScores(Scores.load(path), str(path), run)
    if (path / FUSION).exists():
        raise InputError(f"{path} is a fusion itself: give the runs that it was made from")
    if not (path / SUMMARY).exists():
        raise InputError(f"{path} is no finished run: finish it with its command and resume=true, or leave it out")
    return StreamScores(Scores.load(path / SCORES), str(path), read_result(path))


def fusion_folder(outputs: str | Path, sources: Sequence[StreamScores], fusion: Fusion) -> Path:
    """Return the output folder of a fusion: `outputs/DATA/MODEL/fused-joint+bone/RECIPE-seedN`.

    Raises:
        InputError: a score file without a run, or names that cannot be file names.
    """
    orphans = [source.place for source in sources if source.run is None]
    if orphans:
        raise InputError(f"{orphans[0]} does not belong to a run: say with folder= where the fusion is to be written")
    runs = _runs(sources)
    weights = "" if fusion.default else "+weights" + "".join(f"-{stream.weight:g}" for stream in fusion.contributions)
    names = {
        "data": _joined(run.data for run in runs),
        "model": _joined(run.model for run in runs),
        "stream": f"fused-{fusion.scores.stream}",
        "recipe": _joined(run.folder.absolute().name for run in runs) + weights,
    }
    return Path(outputs, *(file_name(name, what) for what, name in names.items()))


def write_fusion(folder: Path, sources: Sequence[StreamScores], fusion: Fusion) -> None:
    """Write `scores.npz` and `fusion.json`, with the keys of `summary.json` where they apply, into a folder."""
    runs = _runs(sources)
    content: dict[str, Any] = {
        "stream": fusion.scores.stream,
        "how": FUSION_METHOD,
        "default_weights": fusion.default,
        **fusion.scores.accuracies,
        "clips": len(fusion.scores.names),
        "streams": [vars(stream) | {"adds": fusion.scores.top1 - stream.without} for stream in fusion.contributions],
        "command": fusion_command(fusion),
        **(_summary(runs) if len(runs) == len(sources) else {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    fusion.scores.save(folder / SCORES)
    write_json(folder / FUSION, content)


def _summary(runs: Sequence[Result]) -> dict[str, Any]:
    """Return what the summaries of the fused runs say together."""
    seeds = sorted({run.seed for run in runs})
    return {
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


def print_fusion(sources: Sequence[StreamScores], fusion: Fusion) -> None:
    """Print top-1 and top-5 of every stream and of the fusion, the gain by each stream, and what differs besides."""
    console = Console(width=120, markup=False, emoji=False, highlight=False)
    scores, runs = fusion.scores, _runs(sources)
    synthetic = " of synthetic people" if any(run.synthetic for run in runs) else ""
    table = Table(title=f"{len(scores.names):,} {scores.split} clips{synthetic}")
    table.add_column("stream")
    for heading in ("weight", "top-1", "mean class", "top-5", "adds"):
        table.add_column(heading, justify="right")
    for stream in fusion.contributions:
        adds = fixed(scores.top1 - stream.without, 2, "+")
        table.add_row(stream.stream, f"{stream.weight:g}", *_percents(stream), adds)
    table.add_section()
    table.add_row(scores.stream, "", *_percents(scores), "", style="bold")
    console.print(table)
    console.print(f"fused: {FUSION_METHOD}; adds: top-1 over that of the other streams fused")
    for name, values in (
        ("networks", [run.model for run in runs]),
        ("recipes", [run.recipe for run in runs]),
        ("seeds", [str(run.seed) for run in runs]),
    ):
        if len(set(values)) > 1:
            console.print(f"of several {name}: {', '.join(dict.fromkeys(values))}")


def _runs(sources: Sequence[StreamScores]) -> list[Result]:
    return [source.run for source in sources if source.run is not None]


def _joined(values: Iterable[str]) -> str:
    return "+".join(dict.fromkeys(values))


def _percents(accuracies: Scores | Contribution) -> list[str]:
    values = (accuracies.top1, accuracies.mean_class, accuracies.top5)
    return ["" if value is None else fixed(value, 2) for value in values]
