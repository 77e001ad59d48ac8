"""The over-smoothing measures as docs/over-smoothing.md defines them, one number after the other in float64."""

import math

import numpy as np
from torch import Tensor


def slow_measures(x: Tensor, seen: Tensor, bones: tuple[tuple[int, int], ...]) -> dict[str, float]:
    """Every measure of x (B, C, T, V), of the bodies and frames that `seen` (B, T) has."""
    B, T = seen.shape
    graphs = [x[b, :, t].T.numpy() for b in range(B) for t in range(T) if seen[b, t]]  # each (V, C)
    return {
        "mad": float(np.mean([slow_distance(graph) for graph in graphs])),
        "dirichlet": float(np.mean([slow_energy(graph, bones) for graph in graphs])),
        "joint_rank": slow_rank(np.cov(np.concatenate([graph.T for graph in graphs]).T, bias=True)),
        "frame_rank": slow_rank(slow_frame_covariance(x.numpy(), seen.numpy())),
        "between_within": slow_ratio(np.stack(graphs)),
        "numerical_rank": float(np.mean([slow_numerical_rank(graph) for graph in graphs])),
    }


def slow_distance(graph: np.ndarray) -> float:
    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        silent = sum(not joint.any() for joint in (a, b))
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) if silent == 0 else float(silent == 2)

    pairs = [(i, j) for i in range(len(graph)) for j in range(len(graph)) if i != j]
    return float(np.mean([1 - cosine(graph[i], graph[j]) for i, j in pairs]))


def slow_energy(graph: np.ndarray, bones: tuple[tuple[int, int], ...]) -> float:
    adjacency = np.zeros((len(graph), len(graph)))
    for child, parent in bones:
        adjacency[child, parent] = adjacency[parent, child] = 1
    degree = np.diag(adjacency.sum(axis=0))
    return np.trace(graph.T @ (degree - adjacency) @ graph) / np.trace(graph.T @ degree @ graph)


def slow_frame_covariance(x: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """A frame in which a body is not seen is at the mean; a body never seen does not count."""
    B, C, T, V = x.shape
    mean = np.array([np.mean([x[b, :, t] for b in range(B) if seen[b, t]]) for t in range(T)])
    scatter, samples = np.zeros((T, T)), 0
    for b in range(B):
        if seen[b].any():
            for c in range(C):
                for v in range(V):
                    deviation = np.where(seen[b], x[b, c, :, v] - mean, 0)
                    scatter += np.outer(deviation, deviation)
                    samples += 1
    return scatter / samples


def slow_rank(matrix: np.ndarray) -> float:
    values = np.linalg.svd(matrix, compute_uv=False)
    shares = values / values.sum()
    return math.exp(-sum(share * math.log(share) for share in shares if share > 0))


def slow_ratio(graphs: np.ndarray) -> float:
    means = graphs.mean(axis=0)  # V C
    between = np.mean([((mean - means.mean(axis=0)) ** 2).sum() for mean in means])
    within = np.mean([((graph[v] - means[v]) ** 2).sum() for graph in graphs for v in range(graphs.shape[1])])
    return float(between / within)


def slow_numerical_rank(graph: np.ndarray) -> float:
    values = np.linalg.svd(graph, compute_uv=False)
    return float((values**2).sum() / values.max() ** 2)
