"""Results and pictures of a finished run for W&B."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import wandb
from lightning.pytorch.loggers import WandbLogger
from matplotlib.figure import Figure
from wandb.plot.custom_chart import CustomChart

from stgdn.fonts import missing_characters_told, use_installed_fonts
from stgdn.runs.folder import METRICS
from stgdn.runs.metrics import Metrics, read_metrics
from stgdn.runs.scores import Scores
from stgdn.wandb_tools.logger import start_wandb_run


def log_results(
    logger: WandbLogger,
    folder: Path,
    summary: Mapping[str, Any],
    scores: Scores,
    figures: Mapping[str, Figure | None],
    player: str | None = None,
) -> None:
    """Add results, pictures and tables to a run's record, and close it.

    Args:
        logger: of the run.
        folder: of the run, with its `metrics.csv`.
        summary: content of `summary.json`.
        scores: of the test clips.
        figures: by name; None for a missing one.
        player: an HTML page that plays clips.
    """
    shown = {**figures, "curves": curves_figure(read_metrics(folder / METRICS))}
    with missing_characters_told(f"{folder}/wandb"):
        media: dict[str, Any] = {name: wandb.Image(figure) for name, figure in shown.items() if figure is not None}
    media |= {"confusion_matrix": confusion_chart(scores), "classes": class_table(scores)}
    if player is not None:
        media["player"] = wandb.Html(player, inject=False)  # the page allows no styles but its own
    logger.experiment.log(media)
    logger.experiment.summary.update(sortable_summary(summary))
    logger.experiment.finish()


def confusion_chart(scores: Scores) -> CustomChart:
    """Return W&B's own confusion matrix, in which a run can be compared with others."""
    cells = len(scores.classes) ** 2  # each is a row
    wandb.Table.MAX_ROWS = max(wandb.Table.MAX_ROWS, cells)  # pyright: ignore[reportAttributeAccessIssue]
    predicted = scores.scores.argmax(axis=1)
    return wandb.plot.confusion_matrix(
        y_true=scores.labels.tolist(),
        preds=predicted.tolist(),
        class_names=scores.classes.tolist(),
        title="test clips, last epoch",
    )


def class_table(scores: Scores) -> wandb.Table:
    """Return a table of classes: test clips, per cent of them that are right, and the class they are mistaken for most.

    A class without test clips has no per cent; one without mistakes is mistaken for none.
    """
    table = wandb.Table(columns=["class", "clips", "right (%)", "mistaken most for", "as often as"])
    for label, counts in enumerate(scores.confusion()):
        total, right = int(counts.sum()), int(counts[label])
        wrong = counts.copy()
        wrong[label] = 0
        most = int(wrong.argmax())
        mistaken = str(scores.classes[most]) if wrong[most] else None
        share = 100 * right / total if total else None
        table.add_data(str(scores.classes[label]), total, share, mistaken, int(wrong[most]))
    return table


def record_picture(figure: Figure, path: Path, data: str, wanted: str, project: str) -> None:
    """Record a picture of several runs, such as Fig. 2, as a separate W&B run beside those of its data.

    Args:
        figure: the picture.
        path: where it was saved; its record lies in the folder of that name without the suffix.
        data: name of the data.
        wanted: `auto`, `online`, `offline` or `off`, as `logger.wandb`.
        project: of W&B.
    """
    if wanted == "off":
        return
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    group, settings = f"figure2/{data}", wandb.Settings(silent=True, reinit="finish_previous")

    def start(mode: Any) -> wandb.Run:  # noqa: ANN401
        return wandb.init(
            project=project, name=path.stem, dir=folder, group=group, job_type="figure", mode=mode, settings=settings
        )

    run = start_wandb_run(wanted, start)
    with missing_characters_told(f"{folder}/wandb"):
        run.log({"figure2": wandb.Image(figure)})
    run.finish()


def sortable_summary(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return a summary of sortable values: over-smoothing as one number per measure, `last_layer/MEASURE`.

    The values by layer are in the curves, as `smoothing/MEASURE/layerL`.
    """
    entries = {key: value for key, value in summary.items() if key != "smoothing"}
    last = {f"last_layer/{measure}": layers[-1] for measure, layers in summary.get("smoothing", {}).items() if layers}
    return entries | last


def curves_figure(metrics: Metrics) -> Figure:
    """Draw loss, top-1, throughput and, if measured, the mean average distance of every layer, by epoch.

    Epochs without a value are left out.
    """
    layers = [key for key in metrics if key.startswith("smoothing/mad/")]
    panels = {
        "loss": ["train/loss", "val/loss"],
        "top-1": ["train/top1", "val/top1"],
        "clips/s": ["train/clips_per_second"],
        **({"MAD between joints, by layer": layers} if layers else {}),
    }
    use_installed_fonts()
    figure = Figure(figsize=(4 * len(panels), 3.2), layout="constrained")
    for axes, (title, keys) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for key in keys:
            if key in metrics and (measured := np.isfinite(metrics[key])).any():
                label = key.rsplit("/", 1)[-1] if key in layers else key.split("/")[0].replace("val", "held out")
                axes.plot(metrics["epoch"][measured], metrics[key][measured], marker=".", label=label)
        axes.set(title=title, xlabel="epoch")
        axes.set_ylim(bottom=0)
        if axes.lines:
            axes.legend(fontsize=7)
    return figure
