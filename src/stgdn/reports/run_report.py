"""Reports of a run: printed at the start and the end, written into its folder, sent to W&B."""

from collections.abc import Mapping
from typing import Any

import lightning
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch.loggers import WandbLogger
from rich.console import Console

from stgdn.checksums import with_checksums
from stgdn.data.baseline import trivial_accuracy
from stgdn.data.batches.datamodule import SkeletonData
from stgdn.errors import InputError
from stgdn.files import write_json
from stgdn.inference.load import load
from stgdn.model.complexity import Complexity, complexity
from stgdn.model.network import Network
from stgdn.player.page import page
from stgdn.player.scenes import prepared_scenes
from stgdn.reports.figures.confusion import adjacency_figure, confusion_figure
from stgdn.reports.mistakes import mistakes
from stgdn.reports.output_file import save_figure
from stgdn.rounding import fixed
from stgdn.runs.commands import format_command, interpreter
from stgdn.runs.folder import CONFIG, LAYERS, METRICS, SCORES, SUMMARY
from stgdn.runs.layer_arrays import layer_arrays
from stgdn.runs.layers import save_layers
from stgdn.runs.metrics import last_smoothing
from stgdn.runs.naming import option
from stgdn.runs.own_classes import own_packages
from stgdn.runs.partial import is_partial
from stgdn.runs.run import Run
from stgdn.runs.scores import Scores
from stgdn.training.recognizer import Recognizer
from stgdn.training.scoring import score_split
from stgdn.wandb_tools.media import log_results

console = Console(soft_wrap=True, markup=False, emoji=False, highlight=False)  # names and lists stay as they are


def print_start(run: Run, data: SkeletonData, recognizer: Recognizer) -> None:
    """Print the run folder, the data and the network before training."""
    sizes = {split: len(indices) for split, indices in data.splits.items() if len(indices)}
    synthetic = " (synthetic people)" if data.store.header.synthetic else ""
    console.print(f"run      {run.folder}")
    console.print(
        f"data     {run.config.data.name}{synthetic}{_mapping(data)}, stream {data.settings.stream}, clips {sizes}"
    )
    cost = complexity(recognizer.network, data.settings.clip_shape(data.layout))
    console.print(f"network  {run.config.model.name}, {cost}")
    if not isinstance(recognizer.network, Network):
        console.print("left out over-smoothing by layer, graphs and folding: they are for the suite's own networks")


def _mapping(data: SkeletonData) -> str:
    """Return what joints are made from, if they are not those of the store."""
    return f", joints of {data.layout.name} made from {data.store.layout.name}" if data.mapping else ""


def report_run(
    run: Run,
    trainer: lightning.Trainer,
    recognizer: Recognizer,
    data: SkeletonData,
    origin: Mapping[str, Any],
) -> dict[str, Any] | None:
    """Test the last epoch; write scores, pictures and summary; send them to W&B; return the summary.

    Of a run that is no result (`runs/partial.py`) nothing is written: None, as in all processes but the first.

    Args:
        run: that was trained.
        trainer: that trained it.
        recognizer: with the weights of the last epoch.
        data: of the run.
        origin: entries of the summary from before the training: `command` and `environment`.
    """
    scores = score_split(trainer, recognizer, data)
    network = recognizer.network.to(trainer.strategy.root_device)  # where it computes; Lightning has put it on the CPU
    if not trainer.is_global_zero:
        return None
    if is_partial(run.config, len(data.splits["test"]), len(scores.names)):
        _report_partial(run, trainer, scores, data)
        return None
    cost = complexity(network, data.settings.clip_shape(data.layout))
    summary = summarise(run, scores, cost, data) | {"epochs": trainer.current_epoch, **origin}
    if smoothing := last_smoothing(run.folder / METRICS):
        summary["smoothing"] = smoothing
    scores.save(run.folder / SCORES)
    if isinstance(network, Network):
        save_layers(run.folder / LAYERS, layer_arrays(network, data.layout))
    data_name = run.config.data.name + (" (synthetic people)" if summary["synthetic"] else "")
    title = f"{data_name}, {run.config.model.name}, {scores.stream}: test {_accuracy(scores.accuracies)}"
    figures = {
        "confusion": confusion_figure(scores, title),
        "adjacency": adjacency_figure(network, data.layout.joints) if isinstance(network, Network) else None,
    }
    for name, figure in figures.items():
        if figure is not None:
            save_figure(figure, run.folder / f"{name}.png")
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            player = player_page(run, data, scores, trainer.strategy.root_device)
            log_results(logger, run.folder, summary, scores, figures, player)
    place = run.folder / SUMMARY
    write_json(place, with_checksums(summary, place, (CONFIG, METRICS)))  # last: it marks the run as finished
    return summary


def player_page(run: Run, data: SkeletonData, scores: Scores, device: torch.device) -> str | None:
    """Return a page that plays the test clips that the run is surest about and wrong; if none is wrong, the first ones.

    None where no clips are wanted, or where the network cannot be loaded from its checkpoint.
    """
    most = run.config.logger.player
    names = [mistake.clip for mistake in mistakes(scores)[:most]] or scores.names[:most].tolist()
    if not names:
        return None
    try:
        return page(
            prepared_scenes({"": load(run.folder, trust=own_packages(run.config.model)).to(device)}, data.store, names)
        )
    except InputError as error:
        console.print(f"note: no clips are played at W&B: {error}")
        return None


def _report_partial(run: Run, trainer: lightning.Trainer, scores: Scores, data: SkeletonData) -> None:
    """Say what was scored in a run for debugging, and that this is no result."""
    (run.folder / SUMMARY).unlink(missing_ok=True)  # of a former version, which kept it
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()
    clips = f"{len(scores.names)} of {len(data.splits['test'])} test clips"
    console.print(f"\na run for debugging: {clips} were scored, top-1 {fixed(scores.top1)}, and no result is kept")


def report_evaluation(run: Run, data: SkeletonData, scores: Scores, checkpoint: str, other: bool = False) -> float:
    """Write scores and metrics of an evaluation and print them; return top-1.

    Args:
        run: its folder receives the files.
        data: the evaluated data.
        scores: of all clips.
        checkpoint: name of the checkpoint.
        other: True for another data set than that of the run; its name becomes part of the file names.
    """
    suffix = "" if (checkpoint, scores.split) == ("last", "test") else f"-{checkpoint}-{scores.split}"
    suffix += f"-on-{data.store.folder.name}" if other else ""
    metrics = scores.accuracies | {"clips": len(scores.names), "stream": scores.stream, "checkpoint": checkpoint}
    if other:
        metrics |= {"store": str(data.store.folder), "synthetic": data.store.header.synthetic}
        console.print(f"clips of {data.store.folder}{_mapping(data)}")
    scores.save(run.folder / f"scores{suffix}.npz")
    write_json(run.folder / f"evaluation{suffix}.json", metrics)
    for name, value in scores.accuracies.items():
        console.print(f"{name} {fixed(value, 2)}")
    console.print(f"{len(scores.names)} clips, stream {scores.stream}: {run.folder}/scores{suffix}.npz")
    return scores.accuracy()


def summarise(run: Run, scores: Scores, cost: Complexity, data: SkeletonData) -> dict[str, Any]:
    """Return the content of `summary.json` as plain values; accuracies in per cent."""
    return {
        "data": run.config.data.name,
        "synthetic": data.store.header.synthetic,
        "model": run.config.model.name,
        "stream": scores.stream,
        "seed": run.config.seed,
        "recipe": run.config.recipe_name,
        **scores.accuracies,
        "clips": {split: len(indices) for split, indices in data.splits.items()},
        "scored": len(scores.names),
        "parameters": cost.parameters,
        "flops": cost.flops,
        "clip_shape": list(cost.clip_shape),
    }


def print_end(run: Run, summary: dict[str, Any], data: SkeletonData) -> None:
    """Print the test accuracy, the run folder and commands to try next."""
    synthetic = " on synthetic people" if summary["synthetic"] else ""
    graphs = ", adjacency.png" if (run.folder / "adjacency.png").exists() else ""
    console.print(f"\ntest {_accuracy(summary)}{synthetic} (last epoch, one seed)", style="bold")
    if summary["synthetic"]:
        console.print(f"nearest class mean of the average pose: {fixed(100 * trivial_accuracy(data))}")
    console.print(f"run folder {run.folder}: config, checkpoints, metrics, scores, confusion.png{graphs}")
    if HydraConfig.get().mode != RunMode.MULTIRUN:  # a sweep says it once, at its end
        console.print("next: " + "\n      ".join(next_steps(run)))


def _accuracy(summary: Mapping[str, Any]) -> str:
    """Return top-1 and the mean over classes of a test."""
    return f"top-1 {fixed(summary['test_top1'])}, mean class {fixed(summary['test_mean_class'])}"


def next_steps(run: Run) -> list[str]:
    """Return useful commands after this run, for a shell with or without the environment activated.

    Commands that train have all options of this run but the one that they change.
    """
    given = [override for override in HydraConfig.get().overrides.task if option(override) != "data.stream"]
    others = [override for override in given if option(override).split(".")[0] != "model"]
    networks = "model=agcn_7l,st_gdn2,st_gdn_t,st_gdn_e,st_gdcn,st_gdn"
    stream = [] if run.config.data.stream == "joint" else [f"data.stream={run.config.data.stream}"]
    other = "bone" if run.config.data.stream == "joint" else "joint"
    commands = [format_command([*given, f"data.stream={other}"]), format_command(["-m", *others, *stream, networks])]
    packages = own_packages(run.config.model)
    trust = f" trust=[{','.join(packages)}]" if packages else ""
    return [
        f"{interpreter()} src/evaluate.py run={run.folder}{trust}",
        *(command.replace("python", interpreter(), 1) for command in commands),
        "make watch",
    ]
