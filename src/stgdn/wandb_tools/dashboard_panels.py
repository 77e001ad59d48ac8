"""The W&B dashboard of the tables, as code: a workspace that groups runs by variant.

A variant is a network on a stream by a recipe; its line, bar or point is the mean over its seeds. Panels name what
`training/` logs and `media.py` adds; a panel without measurements stays empty.
"""

import json
import warnings
from collections.abc import Sequence
from typing import Any

import wandb
from wandb.errors import AuthenticationError, CommError, UsageError

from stgdn.errors import InputError
from stgdn.training.callbacks.over_smoothing import MEASURES
from stgdn.wandb_tools.local import logged_in

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # wandb-workspaces about its own code
    import wandb_workspaces.reports.v2 as reports
    import wandb_workspaces.workspaces as workspaces
    from wandb_workspaces import expr

DEPTH = 16  # layers of the deepest network
MEDIA = ("confusion", "adjacency", "curves", "player", "figure2")
ACCURACIES = ("test_top1", "test_mean_class", "test_top5")
COLUMNS = (*ACCURACIES, *(f"last_layer/{name}" for name in MEASURES), "parameters", "flops")
TRAINING = ("train/loss", "train/loss_step", "train/top1", "train/lr", "val/loss", "val/top1")
TITLES = {
    "mad": "mean average distance between joints",
    "dirichlet": "Dirichlet energy on the skeleton",
    "joint_rank": "effective rank over joints",
    "frame_rank": "effective rank over frames",
    "between_within": "variance between joints over that within one",
    "numerical_rank": "numerical rank of a body's joints in a frame",
}


def dashboard(
    project: str, entity: str = "", experiment: str | None = None, data: str | None = None
) -> workspaces.Workspace:
    """Build the workspace; it is not saved yet.

    Args:
        project: of W&B.
        entity: user or team.
        experiment: show only its runs, such as those of `table1`; None: all.
        data: show only runs on these data; None: all.
    """
    wanted = {"experiment_name": experiment, "data.name": data}
    shown = [value for value in wanted.values() if value]
    conditions = [expr.Config(key) == value for key, value in wanted.items() if value]
    return workspaces.Workspace(
        entity=entity,
        project=project,
        name=f"ST-GDN: {', '.join(shown) or 'all runs'}",
        sections=dashboard_sections(),
        settings=workspaces.WorkspaceSettings(max_runs=50),
        runset_settings=workspaces.RunsetSettings(
            filters=expr.And(*conditions) if conditions else "",
            groupby=[expr.Metric("Group"), expr.Config("variant")],
            order=[expr.Ordering(expr.Summary("test_top1"), ascending=False)],
            pinned_columns=[f"summary:{name}" for name in COLUMNS],
        ),
    )


def dashboard_sections() -> list[workspaces.Section]:
    """Build the sections; accuracies are those of the last epoch on the test split, in per cent."""
    top1, speed = reports.SummaryMetric("test_top1"), "train/clips_per_second"
    accuracy = [
        _bars("test top-1, last epoch", "test_top1"),
        _bars("test mean class accuracy, last epoch", "test_mean_class"),
        _bars("test top-5, last epoch", "test_top5"),
        reports.ScatterPlot(title="top-1 by parameters", x=reports.SummaryMetric("parameters"), y=top1),
        reports.ScatterPlot(title="top-1 by FLOPs a clip", x=reports.SummaryMetric("flops"), y=top1, log_x=True),
    ]
    last_layer = [_bars(f"{TITLES[name]}, last layer", f"last_layer/{name}") for name in MEASURES]
    throughput = [_line("clips a second", speed), _bars("clips a second, last epoch", speed)]
    training = [_line(key, key) for key in TRAINING]
    pictures = [reports.MediaBrowser(title=key, media_keys=[key], num_columns=2) for key in MEDIA]
    return [
        _section("Accuracy by variant", accuracy, columns=2),
        _section("Over-smoothing, last layer", last_layer, columns=3),
        *map(_layer_section, MEASURES),
        _section("Throughput", throughput, columns=2),
        _section("Training", training, columns=3),
        _section("Classes", [reports.WeavePanelSummaryTable(table_name="classes")], columns=1),
        _section("Pictures", pictures, columns=1),
    ]


def _layer_section(name: str) -> workspaces.Section:
    """Build the section of an over-smoothing measure during training, with one panel per layer."""
    panels = [_line(f"layer {layer}", f"smoothing/{name}/layer{layer}") for layer in range(1, DEPTH + 1)]
    return _section(f"Over-smoothing by layer: {TITLES[name]}", panels, columns=5, is_open=name == "mad")


def _bars(title: str, metric: str) -> reports.BarPlot:
    return reports.BarPlot(title=title, metrics=[metric], max_bars_to_show=50)


def _line(title: str, metric: str) -> reports.LinePlot:
    return reports.LinePlot(title=title, y=[metric])


def _section(title: str, panels: Sequence[Any], columns: int, is_open: bool = True) -> workspaces.Section:
    layout = workspaces.SectionLayoutSettings(columns=columns, rows=-(-len(panels) // columns))
    return workspaces.Section(name=title, panels=list(panels), is_open=is_open, layout_settings=layout)


def specification(workspace: workspaces.Workspace) -> dict[str, Any]:
    """Return the specification that saving sends to W&B, as plain Python."""
    view = workspace._to_model()  # wandb-workspaces has no public way that does without a server
    return json.loads(view.spec.model_dump_json(by_alias=True, exclude_none=True))


def save(workspace: workspaces.Workspace) -> str | None:
    """Save a workspace at W&B as a new view and return its address; None without a login.

    Raises:
        InputError: W&B cannot be reached, or refuses.
    """
    try:
        if not logged_in():
            return None
        workspace.entity = workspace.entity or wandb.Api().default_entity or ""
        workspace.save()
    except (AuthenticationError, CommError, UsageError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"W&B does not save the dashboard ({reason}): check project={workspace.project} and "
            f"entity={workspace.entity or 'null'}, and that `wandb login` works"
        ) from None
    return workspace.url
