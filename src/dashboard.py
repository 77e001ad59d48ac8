"""Make the W&B dashboard of the tables: `python src/dashboard.py only.experiment=table1`."""

from importlib.util import find_spec

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.errors import InputError
from stgdn.files import write_json


@command("dashboard")
def main(config: DictConfig) -> None:
    """Build the workspace, write it to a file, and save it at W&B after a login."""
    from stgdn.reports.output_file import output_path

    path = output_path(config.write, "write", (".json",))
    if find_spec("wandb_workspaces") is None:
        raise InputError("dashboards need wandb-workspaces: type `pip install -e '.[dashboard]'`")
    from stgdn.wandb_tools.dashboard_panels import dashboard, save, specification

    workspace = dashboard(config.project, config.entity or "", config.only.experiment, config.only.data)
    if path is not None:
        write_json(path, specification(workspace))
        print(path)
    address = save(workspace)
    print(f"saved: {address}" if address else "valid, not saved: `wandb login`, then the same command saves it at W&B")


if __name__ == "__main__":
    main()
