"""Load the config of each run of a sweep and run it, for launchers that give each run a process of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from stgdn.cli.entry import RunError
from stgdn.runs.folder import SUMMARY
from stgdn.runs.naming import check_names, run_folder


class RunLauncher(Launcher):
    """Loads the config of each run, finds those that are finished, and runs one in the process that calls it."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra calls this once; `config.launcher` has the options of conf/launcher/NAME.yaml."""
        self.context, self.task_function, self.config = hydra_context, task_function, config

    def load(self, overrides: Sequence[str]) -> tuple[DictConfig, Path]:
        """Return a run's own config and the path of its folder."""
        config = self._load(overrides)
        HydraConfig.instance().set_config(config)  # whose values Hydra's resolvers take
        check_names(config)
        return config, Path(run_folder(config)).absolute()

    def finished(self, config: DictConfig, folder: Path) -> bool:
        """Return whether nothing is left to do for a run."""
        return (folder / SUMMARY).exists() and not config.overwrite

    def run(self, overrides: Sequence[str], number: int) -> JobReturn:
        """Run one job of the sweep in this process; one that is finished says so."""
        config = self._load(overrides)
        config.hydra.job.id = config.hydra.job.num = number
        return run_job(self.task_function, config, "hydra.sweep.dir", "hydra.sweep.subdir", self.context)

    def _load(self, overrides: Sequence[str]) -> DictConfig:
        return self.context.config_loader.load_sweep_config(self.config, list(overrides))


def run_title(config: DictConfig) -> str:
    """Return how a run is called in what a launcher prints: data, network, stream and seed."""
    return f"{config.data.name}/{config.model.name}/{config.data.stream}/seed{config.seed}"


def failed(failure: str) -> JobReturn:
    """Return what came out of a run that failed, for the reason `failure`."""
    returned = JobReturn(status=JobStatus.FAILED)
    returned.return_value = RunError(failure)
    return returned


def take_state(singletons: dict[Any, Any]) -> None:
    """Take over Hydra's state in the sweep's process, `Singleton.get_state()` there, in the process of a run."""
    Singleton.set_state(singletons)
    setup_globals()
