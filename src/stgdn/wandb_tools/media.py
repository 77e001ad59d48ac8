"""Results and pictures of a finished run for W&B."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import wandb
from lightning.pytorch.loggers import WandbLogger
from matplotlib.figure import Figure

from stgdn.fonts import missing_characters_told, use_installed_fonts
from stgdn.runs.folder import METRICS
from stgdn.runs.metrics import Metrics, read_metrics
from stgdn.wandb_tools.logger import start_wandb_run


def log_results(
    logger: WandbLogger, folder: Path, summary: Mapping[str, Any], figures: Mapping[str, Figure | None]
) -> None:
    """Add results and pictures to a run's record, and close it.

    Args:
        logger: of the run.
        folder: of the run, with its `metrics.csv`.
        summary: content of `summary.json`.
        figures: by name; None for a missing one.
    """
    shown = {**figures, "curves": curves_figure(read_metrics(folder / METRICS))}
    with missing_characters_told(f"{folder}/wandb"):
        media = {name: wandb.Image(figure) for name, figure in shown.items() if figure is not None}
    logger.experiment.log(media)
    logger.experiment.summary.update(sortable_summary(summary))
    logger.experiment.finish()


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
