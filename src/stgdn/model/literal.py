"""Every equation of the letter as it is written, in its order: slow, the reference of the tests and benchmarks.

This file imports nothing of the suite. Where the letter slips, the function says what is computed instead (the reasons
are in docs/method.md). x is (B, C, T, V), B counts bodies; seen (B, T) is true where a body is seen. The letter's C is
Σ here, and its X holds samples of D entries, the entries of the axis that is whitened: `node` (V), `frame` (T) or
`channel` (C · patch, not in the letter).

    equation  here                            fast form
    (1)       graph_convolution               spatial.GCN, temporal.TCN
    (2)       num_samples, patches, samples   whitening.unfold_frames, whitening.SAMPLES
    (3)       mean_and_covariance, add_floor  statistics.py, Whitening.root
    (4)       graph_deconvolution, whiten     spatial.GDN, spatial.GDCN
    (5)       whitened_covariance
    (6)       newton_schulz                   whitening.inverse_sqrt
    (7)       first_order_deconvolution       spatial.GDN
    (7), I    temporal_deconvolution          temporal.TDN
    (8)       attention                       graph.Adjacency
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

AXES = {"channel": 1, "frame": 2, "node": 3}


# Eq (1): y = Θ_τ (U (Σ_k θ_k λ^k) Uᵀ x)


def graph_convolution(x: Tensor, laplacian: Tensor, thetas: Sequence[Tensor], theta_tau: Tensor) -> Tensor:
    """Return eq (1): a polynomial of the Laplacian L = U Λ Uᵀ filters joints, then Θ_τ filters frames.

    Args:
        x: (B, C, T, V).
        laplacian: L (V, V), symmetric.
        thetas: θ_k, K matrices (C_out, C).
        theta_tau: Θ_τ (C_out, C_out, τ).
    """
    eigenvalues, U = torch.linalg.eigh(laplacian)
    powers = [U @ torch.diag(eigenvalues**k) @ U.T for k in range(len(thetas))]
    return temporal_filter(spatial_filter(x, powers, thetas), theta_tau)


def spatial_filter(x: Tensor, graphs: Sequence[Tensor], thetas: Sequence[Tensor]) -> Tensor:
    """Return Σ_k θ_k (x A_k), each A_k (V, V) or (B, 1, V, V); A_k = L^k in eq (1), a subset's graph in 2s-AGCN."""
    terms = [torch.einsum("oc,nctv->notv", theta, x @ graph) for graph, theta in zip(graphs, thetas, strict=True)]
    return torch.stack(terms).sum(dim=0)


def temporal_filter(x: Tensor, theta: Tensor, bias: Tensor | None = None, stride: int = 1) -> Tensor:
    """Return y[t] = b + Σ_p θ[p] x[t·stride + p − τ//2], with zeros beyond the clip; θ is (C_out, C, τ)."""
    frames = []
    for middle in range(0, x.shape[2], stride):
        y = x.new_zeros(len(x), len(theta), x.shape[3])
        y = y if bias is None else y + bias[:, None]
        for p in range(theta.shape[2]):
            t = middle + p - theta.shape[2] // 2
            if 0 <= t < x.shape[2]:
                y = y + torch.einsum("oc,ncv->nov", theta[:, :, p], x[:, :, t])
        frames.append(y)
    return torch.stack(frames, dim=2)


# Eq (2): m = Π_i ((S_i + 2 p_i − d_i (k_i − 1) − 1) / t_i + 1)


def num_samples(
    sizes: Sequence[int], kernel: Sequence[int], padding: Sequence[int], dilation: Sequence[int], stride: Sequence[int]
) -> int:
    """Return eq (2): the number m of blocks that a kernel unfolds features of these sizes to."""
    rows = zip(sizes, kernel, padding, dilation, stride, strict=True)
    return math.prod((S + 2 * p - d * (k - 1) - 1) // t + 1 for S, k, p, d, t in rows)


def patches(x: Tensor, patch: int) -> Tensor:
    """Unfold x along frames as eq (2) does: channel c at offset p becomes channel c·patch + p, padded by zeros."""
    T, side = x.shape[2], patch // 2
    planes = []
    for c in range(x.shape[1]):
        for offset in range(-side, side + 1):
            plane = [x[:, c, t + offset] if 0 <= t + offset < T else torch.zeros_like(x[:, c, t]) for t in range(T)]
            planes.append(torch.stack(plane, dim=1))
    return torch.stack(planes, dim=1)


def samples(x: Tensor, axis: str, seen: Tensor, patch: int = 1) -> tuple[Tensor, Tensor]:
    """Return every sample as a row of D entries, and which of these entries were seen; both (m, D)."""
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


# Eq (3): Σ = (X − μ)ᵀ (X − μ) + εI


def mean_and_covariance(x: Tensor, axis: str, seen: Tensor | None = None, patch: int = 1) -> tuple[Tensor, Tensor]:
    """Return μ (D) and Σ (D, D) of eq (3) without ε, divided by m; an entry not seen is taken to be at its mean."""
    seen = all_seen(x) if seen is None else seen
    values, present = samples(x, axis, seen, patch)
    mean = (values * present).sum(0) / present.sum(0).clamp(min=1)
    covariance = x.new_zeros(len(mean), len(mean))
    for deviation in (values - mean) * present:
        covariance = covariance + torch.outer(deviation, deviation)
    return mean, covariance / max(1, len(values))


def all_seen(x: Tensor) -> Tensor:
    """Return a mask (B, T) of x (B, C, T, V) in which every body is seen in every frame."""
    return torch.ones(x.shape[0], x.shape[2], dtype=torch.bool)


def add_floor(covariance: Tensor, eps: float = 1e-2, floor: str = "relative") -> Tensor:
    """Return Σ + εI of eq (3); a relative ε is a multiple of the mean variance."""
    D = len(covariance)
    added = eps * (torch.trace(covariance) / D if floor == "relative" else covariance.new_ones(()))
    return covariance + torch.maximum(added, added.new_tensor(1e-6)) * torch.eye(D, dtype=covariance.dtype)


# Eq (4): Y = U (Σ_k θ_k λ^k) Uᵀ ((X − μ) Σ^{-1/2})


def graph_deconvolution(
    x: Tensor, graphs: Sequence[Tensor], thetas: Sequence[Tensor], seen: Tensor | None = None
) -> Tensor:
    """Return eq (4), Σ_k θ_k (((X − μ) Σ^{-1/2}) A_k): a graph convolution of whitened nodes, arguments as in (1)."""
    return spatial_filter(whiten(x, "node", seen), graphs, thetas)


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
    """Return (X − μ) Σ^{-1/2} of each of `clips` equal parts of x by its own statistics (1: all of x by the same)."""
    seen = all_seen(x) if seen is None else seen
    parts = []
    for part, part_seen in zip(x.chunk(clips), seen.chunk(clips), strict=True):
        mean, covariance = mean_and_covariance(part, axis, part_seen, patch)
        root = newton_schulz(add_floor(covariance, eps, floor), iterations)
        parts.append(apply_whitening(part, axis, mean, root, patch))
    return torch.cat(parts)


def apply_whitening(x: Tensor, axis: str, mean: Tensor, root: Tensor, patch: int = 1) -> Tensor:
    """Return (x − μ) Σ^{-1/2} along the axis, μ (D) and Σ^{-1/2} (D, D) being given."""
    x = patches(x, patch).movedim(AXES[axis], -1)
    return torch.einsum("de,...e->...d", root, x - mean).movedim(-1, AXES[axis])


# Eq (5): ((X − μ) Σ^{-1/2})ᵀ ((X − μ) Σ^{-1/2}) = I


def whitened_covariance(x: Tensor, axis: str, iterations: int = 5, eps: float = 1e-2) -> Tensor:
    """Return the left side of eq (5) divided by m, (D, D): I for many iterations and a small ε, which take all of Σ."""
    whitened, _ = samples(whiten(x, axis, iterations=iterations, eps=eps), axis, all_seen(x))
    return whitened.T @ whitened / len(whitened)


# Eq (6): Y ← ½ Y (3I − Z Y), Z ← ½ (3I − Z Y) Z


def newton_schulz(covariance: Tensor, iterations: int = 5) -> Tensor:
    """Return Σ^{-1/2} (D, D) by eq (6), started from Y₀ = Σ/‖Σ‖_F, Z₀ = I (the letter: Y₀ = Σ, which may diverge)."""
    identity = torch.eye(len(covariance), dtype=covariance.dtype)
    norm = (covariance**2).sum().sqrt()
    Y, Z = covariance / norm, identity
    for _ in range(iterations):
        Y, Z = 0.5 * Y @ (3 * identity - Z @ Y), 0.5 * (3 * identity - Z @ Y) @ Z
    return Z / norm.sqrt()


# Eq (7): Y = θ (I − L) ((X − μ) Σ^{-1/2})


def first_order_deconvolution(x: Tensor, laplacian: Tensor, theta: Tensor, seen: Tensor | None = None) -> Tensor:
    """Return eq (7): eq (4) with K = 2 and θ = θ_0 = −θ_1, (C_out, C); I − L is the adjacency."""
    adjacency = torch.eye(len(laplacian), dtype=laplacian.dtype) - laplacian
    return spatial_filter(whiten(x, "node", seen), [adjacency], [theta])


def temporal_deconvolution(
    x: Tensor, theta: Tensor, bias: Tensor | None = None, stride: int = 1, seen: Tensor | None = None
) -> Tensor:
    """Return eq (7) for frames, where I takes the place of I − L: a temporal filter of whitened frames."""
    return temporal_filter(whiten(x, "frame", seen), theta, bias, stride)


# Eq (8): A_ij = exp(φ(x_i) ⊗ ψ(x_j)) / Σ_j exp(φ(x_i) ⊗ ψ(x_j))


def attention(phi: Tensor, psi: Tensor) -> Tensor:
    """Return eq (8), (B, V, V), of the embeddings φ(x) and ψ(x), (B, C_e, T, V).

    As in 2s-AGCN ⊗ is the product over channels and frames divided by C_e·T, and the sum is over i, the joints that
    x A adds up, so that columns sum to one.
    """
    _, C_e, T, V = phi.shape
    rows = []
    for i in range(V):
        products = [(phi[..., i] * psi[..., j]).sum(dim=(1, 2)) / (C_e * T) for j in range(V)]
        rows.append(torch.stack(products, dim=1).exp())
    exponentials = torch.stack(rows, dim=1)
    return exponentials / exponentials.sum(dim=1, keepdim=True)
