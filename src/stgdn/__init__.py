"""ST-GDN: spatial temporal graph deconvolutional networks for skeleton-based action recognition.

The public names are imported when they are asked for: `import stgdn` alone brings no PyTorch. See docs/python.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stgdn.data.batches.datamodule import SkeletonData
    from stgdn.inference.load import load
    from stgdn.model.deconvolve import deconvolve
    from stgdn.model.fold import fold
    from stgdn.model.network import Network
    from stgdn.model.whitening import Whitening
    from stgdn.training.recognizer import Recognizer

__all__ = ["Network", "Recognizer", "SkeletonData", "Whitening", "deconvolve", "fold", "load"]

MODULES = {
    "Network": "stgdn.model.network",
    "Recognizer": "stgdn.training.recognizer",
    "SkeletonData": "stgdn.data.batches.datamodule",
    "Whitening": "stgdn.model.whitening",
    "deconvolve": "stgdn.model.deconvolve",
    "fold": "stgdn.model.fold",
    "load": "stgdn.inference.load",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Return a public name, imported now."""
    if name not in MODULES:
        raise AttributeError(f"module 'stgdn' has no attribute '{name}'; it has {', '.join(MODULES)}")
    return getattr(import_module(MODULES[name]), name)


def __dir__() -> list[str]:
    """Return the public names beside what is imported."""
    return sorted({*globals(), *MODULES})
