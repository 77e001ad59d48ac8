"""AS-GCN against its description, one joint, pair and frame at a time."""

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.as_gcn import ASGCN, Inference, Layer
from stgdn.model.graph import spatial_subsets
from stgdn.skeleton import NTU25


def hops() -> list[list[float]]:
    """Bones between every two joints of NTU's skeleton, by searching from each; infinite beyond four."""
    near: dict[int, set[int]] = {joint: set() for joint in range(25)}
    for one, other in NTU25.bones:
        near[one].add(other)
        near[other].add(one)
    found = [[math.inf] * 25 for _ in range(25)]
    for start in range(25):
        reached, number = {start}, 0
        while reached and number <= 4:
            for joint in reached:
                found[start][joint] = min(found[start][joint], number)
            reached = {after for joint in reached for after in near[joint] if found[start][after] == math.inf}
            number += 1
    return found


def test_structural_links() -> None:
    distance, centre = hops(), 20  # the spine at the shoulders
    expected = torch.zeros(9, 25, 25)
    for j in range(25):
        weight = 1 / sum(distance[i][j] <= 4 for i in range(25))
        for i in range(25):
            if distance[i][j] == 0:
                expected[0, i, j] = weight
            elif distance[i][j] <= 4:
                nearer = distance[i][centre] < distance[j][centre]
                expected[2 * int(distance[i][j]) - 1 + nearer, i, j] = weight
    torch.testing.assert_close(spatial_subsets(NTU25, 4), expected)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_published_numbers_of_parameters() -> None:
    """Those of limaosen0/AS-GCN with 60 classes: its recognition branch without the second head, and its inference."""
    network = ASGCN(60)
    inference = network.inference
    encoder = (inference.nodes, inference.pairs, inference.nodes_again, inference.pairs_again, inference.types)
    assert count(network) - count(inference) == 4_797_267
    assert sum(map(count, encoder)) == 185_475
    assert count(inference) - sum(map(count, encoder)) == 232_323
    assert len(network.structural) == 9


def pairs() -> list[tuple[int, int]]:
    """(source, target) of all pairs of different joints."""
    return [(i, j) for i in range(6) for j in range(6) if i != j]


def mlp(part: nn.Module, x: Tensor) -> Tensor:
    first, second, norm = part.first, part.second, part.norm  # pyright: ignore
    x = nn.functional.elu(second(nn.functional.elu(first(x))))  # pyright: ignore
    return (x - norm.running_mean) / (norm.running_var + 1e-5).sqrt() * norm.weight + norm.bias  # pyright: ignore


@pytest.fixture
def inference() -> Inference:
    torch.manual_seed(2)
    made = Inference(6, 3, frames=5, hidden=8).double().eval()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.4)
    return made


FRAMES = torch.randn(2, 6, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_the_encoder(inference: Inference) -> None:
    """Features of joints, of pairs, of joints from the pairs that end there, and of pairs again."""
    found = inference.logits(FRAMES)
    for body in range(2):
        nodes = [mlp(inference.nodes, FRAMES[body, joint].flatten()) for joint in range(6)]
        edges = {(i, j): mlp(inference.pairs, torch.cat([nodes[j], nodes[i]])) for i, j in pairs()}
        again = [
            mlp(inference.nodes_again, sum((edges[i, j] for i, j in pairs() if j == joint), torch.zeros(8)) / 6)
            for joint in range(6)
        ]
        for number, (i, j) in enumerate(pairs()):
            ends = mlp(inference.pairs_again, torch.cat([again[j], again[i], edges[i, j]]))
            torch.testing.assert_close(found[body, number], inference.types(ends))


def test_links_are_columns_of_a_tenth(inference: Inference) -> None:
    types = nn.functional.one_hot(torch.arange(30) % 3, 3).double()[None]
    expected = torch.zeros(1, 2, 6, 6, dtype=torch.float64)
    for kind in (1, 2):
        for j in range(6):
            chosen = [i for number, (i, to) in enumerate(pairs()) if to == j and number % 3 == kind] + [j]
            for i in chosen:
                expected[0, kind - 1, i, j] = 0.1 / len(chosen)
    torch.testing.assert_close(inference.links(types), expected)


@torch.no_grad()
def test_the_decoder_and_the_loss(inference: Inference) -> None:
    """A gated recurrent unit at every joint; the state of the others comes in by messages of the links' types."""
    logits = inference.logits(FRAMES)
    types = inference.draw(logits)
    found = inference.predict(FRAMES, types)
    first, second = (list(part) for part in (inference.messages, inference.messages_again))
    squares = 0.0
    for body in range(2):
        hidden = [torch.zeros(8, dtype=torch.float64)] * 6
        for t in range(4):
            received = []
            for joint in range(6):
                total = torch.zeros(8, dtype=torch.float64)
                for number, (i, j) in enumerate(pairs()):
                    for kind in (1, 2):
                        if j == joint and types[body, number, kind]:
                            message = torch.tanh(first[kind](torch.cat([hidden[j], hidden[i]])))
                            total = total + torch.tanh(second[kind](message)) / 2
                received.append(total / 3)
            for joint in range(6):
                x = FRAMES[body, joint, t]
                r, u, n = (inference.gates(x)[8 * part : 8 * part + 8] for part in range(3))
                hr, hu, hn = (inference.message_gates(received[joint])[8 * part : 8 * part + 8] for part in range(3))
                update = torch.sigmoid(u + hu)
                hidden[joint] = (1 - update) * torch.tanh(n + torch.sigmoid(r + hr) * hn) + update * hidden[joint]
                predicted = x + inference.head(hidden[joint])
                torch.testing.assert_close(found[body, joint, t], predicted)
                squares += float(((predicted - FRAMES[body, joint, t + 1]) ** 2).sum())
    probabilities = logits.softmax(dim=2)
    prior = torch.tensor([0.95, 0.025, 0.025], dtype=torch.float64)
    divergence = float((probabilities * (probabilities / prior).log()).sum())
    published = squares / (2 * 5e-4) / (2 * 6) + divergence / (2 * 6)
    assert float(inference.loss(FRAMES)) == pytest.approx(published * 2 * 5e-4 / (4 * 3))  # frames and coordinates


@torch.no_grad()
def test_a_layer_sums_over_its_graphs() -> None:
    layer = Layer(3, 4, 1, graphs=5, dropout=0.0, first=True).double().eval()
    x, graphs = torch.randn(2, 3, 6, 7, dtype=torch.float64), torch.rand(2, 5, 7, 7, dtype=torch.float64)
    expected = torch.zeros(2, 4, 6, 7, dtype=torch.float64)
    weights, biases = layer.theta.weight[..., 0, 0].split(4), layer.theta.get_parameter("bias").split(4)
    for body, k in itertools.product(range(2), range(5)):
        theta = torch.einsum("oc,ctv->otv", weights[k], x[body]) + biases[k][:, None, None]
        expected[body] += theta @ graphs[body, k]
    expected = layer.temporal_norm(layer.temporal(layer.spatial_norm(expected).relu())).relu()
    torch.testing.assert_close(layer(x, graphs), expected)


def test_no_more_frames_than_a_clip_has() -> None:
    clips = torch.arange(8.0).reshape(1, 1, 8, 1, 1).expand(1, 3, 8, 25, 1)
    network = ASGCN(4, clip_frames=8)
    assert network.frames(clips)[0, 0, :, 0].tolist() == list(range(8))
    assert network(clips).shape == (1, 4)
    assert ASGCN(4, clip_frames=300).inference_frames == 50


def test_one_part_is_trained_after_the_other() -> None:
    network = ASGCN(4, inference_epochs=2, inference_frames=3, dropout=0.0)
    clips = torch.randn(2, 3, 8, 25, 2)
    for epoch, inferring in ((1, True), (2, False)):
        network.zero_grad()
        loss = network.training_loss(clips, network(clips).square().sum(), epoch)
        loss.backward()
        for name, parameter in network.named_parameters():
            unused = any(part in name for part in ("messages.0", "messages_again.0"))  # of the type that is no link
            assert (parameter.grad is not None) == (name.startswith("inference.") == inferring and not unused), name


def test_evaluation_draws_nothing() -> None:
    network, clips = ASGCN(4, inference_frames=3).eval(), torch.randn(2, 3, 8, 25, 2)
    assert torch.equal(network(clips), network(clips))
    torch.testing.assert_close(network(clips)[:1], network(clips[:1]))
    network.train()
    assert not torch.equal(network(clips), network(clips))


def test_a_training_without_epochs_for_the_classifier() -> None:
    with pytest.raises(InputError, match=r"trains its inference module alone for 10 epochs, and epochs=10: give"):
        ASGCN(4, epochs=10)
