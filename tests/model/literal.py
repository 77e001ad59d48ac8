"""Whitening written out sample by sample from eqs (2)-(6), in float64; it shares no code with `stgdn.model`.

x is (B, C, T, V) and seen (B, T), true where a body is seen; B counts bodies.
"""

import torch
from torch import Tensor

AXES = {"channel": 1, "frame": 2, "node": 3}


def patches(x: Tensor, patch: int) -> Tensor:
    """Eq (2) along frames: channel c, place p of a patch is channel c·patch + p; beyond the clip stand zeros."""
    T, side = x.shape[2], patch // 2
    planes = []
    for c in range(x.shape[1]):
        for offset in range(-side, side + 1):
            plane = [x[:, c, t + offset] if 0 <= t + offset < T else torch.zeros_like(x[:, c, t]) for t in range(T)]
            planes.append(torch.stack(plane, dim=1))
    return torch.stack(planes, dim=1)


def samples(x: Tensor, axis: str, seen: Tensor, patch: int = 1) -> tuple[Tensor, Tensor]:
    """Every sample as a row of D entries, and which of these entries were seen; both (m, D)."""
    rows, present = [], []
    if axis == "channel":
        x = patches(x * seen[:, None, :, None], patch)
    for body, frames_seen in zip(x, seen, strict=True):
        if axis == "frame" and frames_seen.any():
            for channel in body:
                rows += channel.unbind(1)
                present += [frames_seen] * channel.shape[1]
        elif axis != "frame":
            for t, frame in enumerate(body.unbind(1)):
                if frames_seen[t]:
                    rows += (frame if axis == "node" else frame.T).unbind(0)
    if not rows:
        return x.new_zeros(0, x.shape[AXES[axis]]), x.new_zeros(0, x.shape[AXES[axis]])
    values = torch.stack(rows)
    return values, torch.stack(present).to(x.dtype) if present else torch.ones_like(values)


def statistics(x: Tensor, axis: str, seen: Tensor | None = None, patch: int = 1) -> tuple[Tensor, Tensor]:
    """Mean (D) and covariance (D, D), eq (3) divided by m; an entry not seen is taken to be at its mean."""
    seen = torch.ones(x.shape[0], x.shape[2], dtype=torch.bool) if seen is None else seen
    values, present = samples(x, axis, seen, patch)
    mean = (values * present).sum(0) / present.sum(0).clamp(min=1)
    covariance = x.new_zeros(len(mean), len(mean))
    for deviation in (values - mean) * present:
        covariance = covariance + torch.outer(deviation, deviation)
    return mean, covariance / max(1, len(values))


def statistics_at_once(x: Tensor, axis: str, seen: Tensor | None = None, patch: int = 1) -> tuple[Tensor, Tensor]:
    """Return what `statistics` does for nodes and frames, by one matrix product."""
    assert axis != "channel"
    assert patch == 1
    seen = torch.ones(x.shape[0], x.shape[2], dtype=torch.bool) if seen is None else seen
    x = x[seen.any(1)]
    present = seen[seen.any(1)].to(x.dtype)[:, None, :, None].expand_as(x)
    if axis == "node":
        values, present = (part.reshape(-1, x.shape[3]) for part in (x, present))
        values, present = values[present[:, 0] > 0], present[present[:, 0] > 0]
    else:
        values, present = (part.transpose(2, 3).reshape(-1, x.shape[2]) for part in (x, present))
    mean = (values * present).sum(0) / present.sum(0).clamp(min=1)
    deviations = (values - mean) * present
    return mean, deviations.T @ deviations / max(1, len(values))


def floored(covariance: Tensor, eps: float = 1e-2, floor: str = "relative") -> Tensor:
    """Σ + εI, where a relative ε counts in mean variances."""
    D = len(covariance)
    added = eps * (torch.trace(covariance) / D if floor == "relative" else covariance.new_ones(()))
    return covariance + torch.maximum(added, added.new_tensor(1e-6)) * torch.eye(D, dtype=covariance.dtype)


def inverse_root(covariance: Tensor, iterations: int = 5) -> Tensor:
    """Eq (6) from Y₀ = Σ/‖Σ‖_F, Z₀ = I."""
    identity = torch.eye(len(covariance), dtype=covariance.dtype)
    norm = (covariance**2).sum().sqrt()
    Y, Z = covariance / norm, identity
    for _ in range(iterations):
        Y, Z = 0.5 * Y @ (3 * identity - Z @ Y), 0.5 * (3 * identity - Z @ Y) @ Z
    return Z / norm.sqrt()


def transformed(x: Tensor, axis: str, mean: Tensor, root: Tensor, patch: int = 1) -> Tensor:
    """Σ^{-1/2}(x − μ) along the axis, eq (4)."""
    x = patches(x, patch).movedim(AXES[axis], -1)
    return torch.einsum("de,...e->...d", root, x - mean).movedim(-1, AXES[axis])


def whiten(
    x: Tensor,
    axis: str,
    seen: Tensor | None = None,
    *,
    clips: int = 1,
    patch: int = 1,
    iterations: int = 5,
    eps: float = 1e-2,
    floor: str = "relative",
) -> Tensor:
    """Whiten each of `clips` equal parts of x with its own statistics (1: all of x with the same)."""
    seen = torch.ones(x.shape[0], x.shape[2], dtype=torch.bool) if seen is None else seen
    parts = []
    for part, part_seen in zip(x.chunk(clips), seen.chunk(clips), strict=True):
        mean, covariance = statistics(part, axis, part_seen, patch)
        root = inverse_root(floored(covariance, eps, floor), iterations)
        parts.append(transformed(part, axis, mean, root, patch))
    return torch.cat(parts)
