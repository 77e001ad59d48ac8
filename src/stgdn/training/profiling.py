"""Profilers that write where a run's time goes into its folder: `trainer.profiler=simple`."""

from pathlib import Path

from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler

from stgdn.errors import choose

KINDS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}


def build_profiler(kind: str | None, folder: Path) -> Profiler | None:
    """Build a profiler that writes files `profile-KIND...` into `folder`; None if `kind` is None.

    Args:
        kind: `simple` (a line per step of the loop, data and optimizer apart), `advanced` (Python's functions) or
            `pytorch` (operations of a few steps, and a trace for chrome://tracing).
        folder: of the run.
    """
    if kind is None:
        return None
    profiler = KINDS[choose(kind, KINDS, "trainer.profiler")]
    return profiler(dirpath=folder, filename=f"profile-{kind}")


def profile_summary(folder: Path, kind: str) -> str:
    """Return a sentence that names the profile files."""
    return f"profile: {', '.join(sorted(str(path) for path in folder.glob(f'*profile-{kind}*')))}"
