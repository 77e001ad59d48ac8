"""What a run tells: at its start, in its folder, to W&B, and at its end."""

import shutil
import sys
from pathlib import Path
from typing import Any

import lightning
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.loggers import WandbLogger
from matplotlib.figure import Figure
from rich.console import Console

from stgdn.data.batches.datamodule import SkeletonData
from stgdn.data.build import trivial_accuracy
from stgdn.files import replacing, write_json
from stgdn.model.complexity import Complexity, complexity
from stgdn.reports.figures.confusion import adjacency_figure, confusion_figure
from stgdn.runs.commands import training_command
from stgdn.runs.layers import last_smoothing, save_layers
from stgdn.runs.run import Run
from stgdn.runs.scores import Scores
from stgdn.training.recognizer import Recognizer
from stgdn.training.scoring import score_split
from stgdn.wandb_tools.media import log_results

console = Console(soft_wrap=True, highlight=False)


def announce(run: Run, data: SkeletonData, recognizer: Recognizer) -> None:
    """Say what is about to be trained, on what, and where it will be."""
    sizes = {split: len(indices) for split, indices in data.splits.items() if len(indices)}
    synthetic = " (synthetic people)" if data.store.header.synthetic else ""
    mapped = f", joints of {data.layout.name} made from {data.store.layout.name}" if data.mapping else ""
    console.print(f"run      {run.folder}")
    console.print(f"data     {run.config.data.name}{synthetic}{mapped}, stream {data.settings.stream}, clips {sizes}")
    console.print(f"network  {recognizer.network.name}, {complexity(recognizer.network)}")


def report_run(run: Run, trainer: lightning.Trainer, recognizer: Recognizer, data: SkeletonData) -> float:
    """Test the last epoch; write scores, pictures and summary; tell W&B; returns test top-1."""
    scores = score_split(trainer, recognizer, data)
    if not trainer.is_global_zero:
        return scores.accuracy()
    cost = complexity(recognizer.network)
    summary = summarise(run, scores, cost, data) | {"epochs": trainer.current_epoch}
    if smoothing := last_smoothing(run.folder / "metrics.csv"):
        summary["smoothing"] = smoothing
    scores.save(run.folder / "scores.npz")
    save_layers(run.folder / "layers.npz", recognizer.network, data.layout)
    data_name = run.config.data.name + (" (synthetic people)" if summary["synthetic"] else "")
    title = f"{data_name}, {recognizer.network.name}, {scores.stream}: test top-1 {summary['test_top1']:.1f}"
    figures = {
        "confusion": confusion_figure(scores, title),
        "adjacency": adjacency_figure(recognizer.network, data.layout.joints),
    }
    save_figures(run, figures)
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            log_results(logger, run.folder, summary, figures)
    write_json(run.summary, summary)  # last: it marks the run as finished
    print_end(run, summary, data)
    return scores.accuracy()


def report_evaluation(run: Run, data: SkeletonData, scores: Scores, checkpoint: str, other: bool = False) -> float:
    """Write scores and metrics of an evaluation and print them; returns top-1.

    Args:
        run: whose folder they go to.
        data: what was evaluated.
        scores: of all its clips.
        checkpoint: name of the checkpoint.
        other: the clips are those of another data set than the run's, whose name goes into that of the files.
    """
    suffix = "" if (checkpoint, scores.split) == ("last", "test") else f"-{checkpoint}-{scores.split}"
    suffix += f"-on-{data.store.folder.name}" if other else ""
    metrics = accuracies(scores) | {"clips": len(scores.names), "stream": scores.stream, "checkpoint": checkpoint}
    if other:
        metrics |= {"store": str(data.store.folder), "synthetic": data.store.header.synthetic}
        made = f", joints of {data.layout.name} made from {data.store.layout.name}" if data.mapping else ""
        console.print(f"clips of {data.store.folder}{made}")
    scores.save(run.folder / f"scores{suffix}.npz")
    write_json(run.folder / f"evaluation{suffix}.json", metrics)
    for name, value in accuracies(scores).items():
        console.print(f"{name} {value:.2f}")
    console.print(f"{len(scores.names)} clips, stream {scores.stream}: {run.folder}/scores{suffix}.npz")
    return scores.accuracy()


def accuracies(scores: Scores) -> dict[str, float]:
    """Top-1 and, where there are more than five classes, top-5, in per cent."""
    best = (1, 5) if len(scores.classes) > 5 else (1,)
    return {f"{scores.split}_top{k}": 100 * scores.accuracy(k) for k in best}


def summarise(run: Run, scores: Scores, cost: Complexity, data: SkeletonData) -> dict[str, Any]:
    """The figures of a run as plain numbers; accuracies in per cent."""
    return {
        "data": run.config.data.name,
        "synthetic": data.store.header.synthetic,
        "model": run.config.model.name,
        "stream": scores.stream,
        "seed": run.config.seed,
        "recipe": run.config.recipe_name,
        **accuracies(scores),
        "clips": {split: len(indices) for split, indices in data.splits.items()},
        "parameters": cost.parameters,
        "flops": cost.flops,
        "clip_shape": list(cost.clip_shape),
        "command": training_command(),
    }


def save_figures(run: Run, figures: dict[str, Figure | None]) -> None:
    """Write each picture as a PNG."""
    for name, figure in figures.items():
        if figure is not None:
            with replacing(run.folder / f"{name}.png") as temporary:
                figure.savefig(temporary, dpi=110)


def print_end(run: Run, summary: dict[str, Any], data: SkeletonData) -> None:
    """Test accuracy, where everything lies, and what to try next."""
    synthetic = " on synthetic people" if summary["synthetic"] else ""
    console.print(f"\n[bold]test top-1 {summary['test_top1']:.1f}[/bold]{synthetic} (last epoch, one seed)")
    if summary["synthetic"]:
        console.print(f"nearest class mean of the average pose: {100 * trivial_accuracy(data):.1f}")
    console.print(f"run folder {run.folder}: config, checkpoints, metrics, scores, confusion.png, adjacency.png")
    console.print("next: " + "\n      ".join(next_steps(run)))


def next_steps(run: Run) -> list[str]:
    """Commands that make sense after this run, for a shell with or without the environment activated."""
    name, python = run.config.data.name, interpreter()
    chosen = HydraConfig.get().runtime.choices.get("data", name)
    data = f"data={name}" if chosen == name else f"data={chosen} data.name={name}"  # one's own data sets
    return [
        f"{python} src/evaluate.py run={run.folder}",
        f"{python} src/train.py {data} data.stream=bone",
        f"{python} src/train.py -m {data} model=agcn_7l,st_gdn2,st_gdn_t,st_gdn_e,st_gdcn,st_gdn",
        "make watch",
    ]


def interpreter() -> str:
    """How to call this Python from here: `python` if that is the one, else its path."""
    found = shutil.which("python")
    if found is not None and Path(found).absolute() == Path(sys.executable).absolute():
        return "python"
    executable = Path(sys.executable)
    return str(executable.relative_to(Path.cwd()) if executable.is_relative_to(Path.cwd()) else executable)
