"""Where the time of a run goes, written into its folder: `trainer.profiler=simple`."""

from pathlib import Path

from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler

from stgdn.errors import choose

KINDS = {"simple": SimpleProfiler, "advanced": AdvancedProfiler, "pytorch": PyTorchProfiler}


def build_profiler(kind: str | None, folder: Path) -> Profiler | None:
    """A profiler that writes `profile.txt`-like files into `folder`; None for none.

    Args:
        kind: `simple` (a line a step of the loop, data and optimiser apart), `advanced` (Python's functions) or
            `pytorch` (operations of a few steps, and a trace for chrome://tracing).
        folder: of the run.

    Raises:
        InputError: another word.
    """
    if kind is None:
        return None
    made = KINDS[choose(kind, KINDS, "trainer.profiler")]
    return made(dirpath=folder, filename=f"profile-{kind}")


def written(folder: Path, kind: str) -> str:
    """The sentence that says where the figures are."""
    return f"profile: {', '.join(sorted(str(path) for path in folder.glob(f'*profile-{kind}*')))}"
