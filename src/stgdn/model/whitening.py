"""Whitening: the deconvolution of the letter, eqs (2)-(6).

Features x are (N, C, T, V): clips with their bodies folded in, channels, frames, joints. One axis is whitened: its D
entries are decorrelated over samples that the other axes make.

    axis       D        samples               used by
    node       V        N·C·T                 GDN, eq (4)
    frame      T        N·C·V                 TDN
    channel    C·patch  N·T·V                 network deconvolution (Ye et al., ICLR 2020), an ablation
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from stgdn.errors import InputError, choose
from stgdn.model.checkpointing import is_recomputing
from stgdn.model.distributed import is_distributed
from stgdn.model.statistics import MATRICES, Statistics, matrix_statistics, sample_statistics

# Rearrangement of x to (B, D, samples): B is 1, or the number of clips for statistics of each clip.
SAMPLES = {
    "node": "(b n) c t v -> b v (n t) c",
    "frame": "(b n) c t v -> b t n (v c)",
    "channel": "(b n) c t v -> b c (n t) v",
}
WEIGHTS = {
    "node": "(b n) t -> b 1 (n t) 1",
    "frame": "(b n) t -> b t n 1",
    "channel": "(b n) t -> b 1 (n t) 1",
}
SMALLEST_VARIANCE = 1e-6  # assumed for constant input, so that nothing is divided by zero


def inverse_sqrt(covariance: Tensor, iterations: int = 5) -> Tensor:
    """Return Σ^{-1/2} by coupled Newton-Schulz, eq (6), started from Y = Σ/‖Σ‖_F, Z = I.

    After five iterations a direction with eigenvalue λ/‖Σ‖_F of 0.1 has a standard deviation of 0.997, 0.01 of 0.66,
    0.001 of 0.24; more iterations whiten more.

    Args:
        covariance: (..., D, D), symmetric positive definite.
        iterations: number of applications of eq (6).
    """
    norm = torch.linalg.matrix_norm(covariance, keepdim=True)
    triple = 3 * torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    y = covariance / norm
    z = (triple - y) / 2
    y = y @ z
    for _ in range(iterations - 1):
        step = (triple - z @ y) / 2
        y, z = y @ step, step @ z
    return z / norm.sqrt()


def unfold_frames(x: Tensor, patch: int) -> Tensor:
    """Unfold the frames of a patch to channels, eq (2): (N, C, T, V) to (N, C·patch, T, V)."""
    if patch == 1:
        return x
    side = patch // 2
    frames = F.pad(x, (0, 0, side, side)).unfold(2, patch, 1)
    return rearrange(frames, "n c t v p -> n (c p) t v")


def whiten_frames(x: Tensor, mean: Tensor, matrix: Tensor) -> Tensor:
    """Return Σ_T^{-1/2} (x − μ) of x (N, C, T, V), channels last in memory, by one product for each body.

    Args:
        x: features.
        mean: (B, T), B a divisor of N.
        matrix: (B, T, T).
    """
    N, T = x.shape[0], x.shape[2]  # not len(x), which torch.export would fix
    level, matrix = (
        part.repeat_interleave(N // len(part), dim=0) if len(part) > 1 else part.expand(N, *part.shape[1:])
        for part in (matrix @ mean[..., None], matrix)
    )
    flat = rearrange(x, "n c t v -> n t (v c)")
    y = torch.baddbmm(level.expand(-1, -1, flat.shape[2]), matrix, flat, beta=-1)
    return rearrange(y.view(N, T, x.shape[3], x.shape[1]), "n t v c -> n c t v")


def full_precision(x: Tensor) -> Tensor:
    """Return x in float32, or float64 as it is: in 16 bits the iteration can diverge."""
    return x if x.dtype == torch.float64 else x.float()


def _discard_after_loading(module: "Whitening", _: object) -> None:
    """Discard the transform after a state was loaded; no lambda, so that networks can be pickled."""
    module._discard_transform()


class Whitening(nn.Module):
    """Compute Σ^{-1/2}(x − μ) along one axis, eqs (2)-(6).

    Training uses mean and covariance of the batch, evaluation running averages of them (of the covariance, because
    averages of its inverse root are not meaningful). Statistics and iteration are in float32 (float64 for float64
    input), also under autocast.

    Args:
        axis: `node`, `frame` or `channel`.
        size: entries of that axis (V, T or C).
        iterations: Newton-Schulz steps. They are part of the function: an exact inverse root makes another network.
        eps: ε, the floor added to the diagonal, eq (3), at least SMALLEST_VARIANCE.
        floor: `relative`, eps times the mean variance (trace/D), or `absolute`.
        statistics: `batch`, or `instance`: one mean and covariance for each clip and no running state.
        momentum: weight of the newest batch in the running averages.
        detach: stop gradients through mean, covariance and iteration.
        patch: odd number of frames that a sample spans, for `channel` only; D is then C·patch.
        sample_every: take the statistics of a batch from every n-th frame only (for `frame`: channel). 1 takes all, as
            the letter does. More is cheaper and makes another function.

    Raises:
        InputError: unknown axis, floor or statistics; a patch on another axis than `channel`.
    """

    running_mean: Tensor
    running_covariance: Tensor

    def __init__(
        self,
        axis: str,
        size: int,
        *,
        iterations: int = 5,
        eps: float = 1e-2,
        floor: str = "relative",
        statistics: str = "batch",
        momentum: float = 0.1,
        detach: bool = False,
        patch: int = 1,
        sample_every: int = 1,
    ) -> None:
        super().__init__()
        self.axis = choose(axis, SAMPLES, "whitening axis")
        self.floor = choose(floor, ("relative", "absolute"), "whitening floor")
        self.statistics = choose(statistics, ("batch", "instance"), "whitening statistics")
        if patch != 1 and (axis != "channel" or patch % 2 == 0):
            raise InputError(f"whitening patch {patch} on axis '{axis}': a patch is odd and belongs to axis 'channel'")
        if sample_every < 1:
            raise InputError(f"whitening.sample_every={sample_every}: 1 takes all samples, 4 every fourth")
        if iterations < 1:
            raise InputError(f"whitening with {iterations} iterations: at least 1 is needed, the letter has 5")
        self.size, self.patch, self.iterations, self.eps = size * patch, patch, iterations, eps
        self.momentum, self.detach, self.sample_every = momentum, detach, sample_every
        self.register_buffer("running_mean", torch.zeros(self.size))
        self.register_buffer("running_covariance", torch.eye(self.size))
        self._running_transform: tuple[Tensor, Tensor] | None = None
        self.register_load_state_dict_post_hook(_discard_after_loading)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return whitened x (N, C, T, V), or (N, C·patch, T, V) with a channel patch; `mask` as for `transform`."""
        mean, matrix = self.transform(x, mask)
        x = unfold_frames(x, self.patch)
        mean, matrix = mean.to(x.dtype), matrix.to(x.dtype)
        if self.axis == "frame":
            return whiten_frames(x, mean, matrix)
        x = rearrange(x, "(b n) c t v -> b n c t v", b=len(mean))
        if self.axis == "node":
            x = torch.einsum("bij,bnctj->bncti", matrix, x - mean[:, None, None, None, :])
        else:
            x = torch.einsum("bij,bnjtv->bnitv", matrix, x - mean[:, None, :, None, None])
        return x.flatten(0, 1)

    def transform(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the mean μ (B, D) and Σ^{-1/2} (B, D, D) that x is whitened with; B is 1, or the number of clips.

        Args:
            x: (N·M, C, T, V).
            mask: (N, M, T), one where a body is seen; other frames stay out of the statistics. None: all are seen.

        Raises:
            InputError: x has another size along the axis than this layer was built for.
        """
        found = x.shape[{"channel": 1, "frame": 2, "node": 3}[self.axis]]
        if found * self.patch != self.size:
            raise InputError(
                f"this network whitens {self.size // self.patch} {self.axis}s and was given {found}: "
                f"give it clips as it was built for, or build and train it for {found}"
            )
        if not self.training and self.statistics == "batch":
            return self.running_transform()
        with torch.autocast(x.device.type, enabled=False):
            batch = self._batch_statistics(x.detach() if self.detach else x, mask)
            if self.training and self.statistics == "batch" and not is_recomputing():
                self._update(batch)
            return batch.mean, self.root(batch.covariance)

    def running_transform(self) -> tuple[Tensor, Tensor]:
        """Return mean (1, D) and Σ^{-1/2} (1, D, D) of the running averages, as evaluation uses them.

        They are computed once, and again after the running averages have changed.
        """
        if self._running_transform is None:
            with (
                torch.inference_mode(False),
                torch.no_grad(),
                torch.autocast(self.running_mean.device.type, enabled=False),
            ):
                covariance = full_precision(self.running_covariance[None])
                self._running_transform = full_precision(self.running_mean[None].clone()), self.root(covariance)
        return self._running_transform

    def root(self, covariance: Tensor) -> Tensor:
        """Return (Σ + floor·I)^{-1/2} of Σ (..., D, D) by Newton-Schulz."""
        floor = torch.full_like(covariance[..., 0, 0], self.eps)
        if self.floor == "relative":
            floor = self.eps * covariance.diagonal(dim1=-2, dim2=-1).mean(dim=-1)
        floor = floor.clamp(min=SMALLEST_VARIANCE)[..., None, None]
        eye = torch.eye(self.size, dtype=covariance.dtype, device=covariance.device)
        return inverse_sqrt(covariance + floor * eye, self.iterations)

    def _batch_statistics(self, x: Tensor, mask: Tensor | None) -> Statistics:
        x = full_precision(x)
        clips = 1
        if self.statistics == "instance":
            clips = len(x) if mask is None else len(mask)
        seen = x.new_ones(len(x), x.shape[2]) if mask is None else mask.flatten(0, 1).to(x.dtype)
        if self.axis == "frame":
            x = x[:, :: self.sample_every]
        elif self.sample_every > 1 and self.patch == 1:
            x, seen = x[:, :, :: self.sample_every], seen[:, :: self.sample_every]
        across_ranks = is_distributed() and self.training and self.statistics == "batch"
        if self.axis in MATRICES:
            return matrix_statistics(x, self.axis, seen, clips, across_ranks=across_ranks)
        if self.patch > 1:  # in a patch, a frame not seen is zero as the padding beyond the end of a clip
            x = unfold_frames(x * seen[:, None, :, None], self.patch)[:, :, :: self.sample_every]
            seen = seen[:, :: self.sample_every]
        weights = rearrange(seen, WEIGHTS[self.axis], b=clips)
        return sample_statistics(rearrange(x, SAMPLES[self.axis], b=clips), weights, across_ranks=across_ranks)

    @torch.no_grad()
    def _update(self, batch: Statistics) -> None:
        self.running_mean.lerp_(batch.mean[0].to(self.running_mean), self.momentum)
        self.running_covariance.lerp_(batch.covariance[0].to(self.running_mean), self.momentum)

    def _discard_transform(self) -> None:
        self._running_transform = None

    def train(self, mode: bool = True) -> "Whitening":
        """Switch between the statistics of batches and running ones."""
        self._discard_transform()
        return super().train(mode)

    def _apply(self, *args, **kwargs) -> "Whitening":  # noqa: ANN002, ANN003
        self._discard_transform()
        return super()._apply(*args, **kwargs)


def derive_transforms(network: nn.Module) -> None:
    """Compute mean and inverse root that every whitening of a network uses in evaluation, before its first clip."""
    for module in network.modules():
        if isinstance(module, Whitening):
            module.running_transform()
