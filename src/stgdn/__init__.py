"""ST-GDN: spatial temporal graph deconvolutional networks for skeleton-based action recognition."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stgdn.inference.load import load
    from stgdn.model.fold import fold

__all__ = ["fold", "load"]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import what is asked for and not before: `import stgdn` alone brings no PyTorch."""
    if name == "load":
        from stgdn.inference.load import load

        return load
    if name == "fold":
        from stgdn.model.fold import fold

        return fold
    raise AttributeError(f"module 'stgdn' has no attribute '{name}'")
