"""The ten networks, as rows: against the published ones, and what a user relies on."""

import copy
import math
import pickle
from typing import Any

import pytest
import torch
from tests.model.networks import CLASSES, NETWORKS, T, V, clips, network, parts, scramble
from torch import Tensor, nn

from stgdn.errors import InputError
from stgdn.model.backbone import Backbone, expand_row
from stgdn.model.block import BLOCKS, Block, Filters
from stgdn.model.ctr_gcn import RefinedGCN
from stgdn.model.literal_weights import literal_network
from stgdn.model.network import Network
from stgdn.model.spatial import GCN, GDN
from stgdn.model.temporal import TCN, TDN
from stgdn.model.whitening import Whitening
from stgdn.skeleton import layout

networks = pytest.mark.parametrize("name", NETWORKS)


@networks
def test_networks_are_the_published_ones_on_whitened_features(name: str) -> None:
    ours = network(name, dropout=0.0)
    scramble(ours)
    theirs = literal_network(ours, layout("kinect20"))
    x = clips()
    if name in (
        "st_gcn_pp",
        "ctr_gcn",
    ):  # the gradient of a maximum of equal frames is not unique, so let no two frames be equal
        x += 1e-3 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)
    inputs = [x.clone().requires_grad_(), x.clone().requires_grad_()]
    for training in (True, True, False):
        ours.train(training)
        theirs.train(training)
        scores = ours(inputs[0]), theirs(inputs[1])
        assert float(scores[0].detach().std()) > 1e-2
        torch.testing.assert_close(*scores, atol=1e-9, rtol=0)
        if training is False or name in ("st_gcn", "agcn_7l", "st_gdn", "st_gcn_pp", "ctr_gcn"):
            gradients = [torch.autograd.grad(y.sin().sum(), x)[0] for x, y in zip(inputs, scores, strict=True)]
            torch.testing.assert_close(*gradients, atol=1e-8 * float(gradients[0].abs().max()), rtol=1e-8)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        *(("st_gcn", 3_098_832), ("agcn", 3_469_510), ("agcn_7l", 2_131_917)),
        *(("st_gcn_pp", 1_403_144), ("ctr_gcn", 1_446_672)),
    ],
)
def test_numbers_of_parameters_are_the_published_ones(name: str, parameters: int) -> None:
    net = Network(**NETWORKS[name], num_classes=60, frames=300)
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters


@pytest.mark.parametrize("name", ["st_gdn2", "st_gdn_t", "st_gdn_e"])
def test_whitening_adds_no_parameters(name: str) -> None:
    sizes = [sum(parameter.numel() for parameter in network(one).parameters()) for one in (name, "agcn_7l")]
    assert sizes[0] == sizes[1]


@networks
def test_every_weight_learns_and_one_step_lowers_the_loss(name: str) -> None:
    net, x, labels = network(name), clips(), torch.tensor([0, 3, 1])
    for part in parts(net, RefinedGCN):
        nn.init.constant_(part.alpha, 0.1)  # it starts at 0, where what it multiplies has no effect

    def loss() -> Tensor:
        torch.manual_seed(1)  # the same features dropped
        return nn.functional.cross_entropy(net(x), labels)

    before = loss()
    before.backward()
    for part, parameter in net.named_parameters():
        assert parameter.grad is not None, part
        assert parameter.grad.isfinite().all(), part
        assert part.endswith("bias") or parameter.grad.any(), part  # a bias in front of BatchNorm has no effect
    torch.optim.SGD(net.parameters(), lr=1e-3).step()
    assert loss() < before


def test_st_gdn_overfits_eight_clips() -> None:
    net, x = network("st_gdn").float(), clips(8).float()
    labels = torch.arange(8) % CLASSES
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), labels).backward()
        optimizer.step()
    assert (net(x).argmax(dim=1) == labels).all()
    assert (net.eval()(x).argmax(dim=1) == labels).all()


@networks
def test_bf16_stays_finite(name: str) -> None:
    net, x = network(name).float(), clips().float()
    with torch.autocast("cpu", torch.bfloat16):
        loss = nn.functional.cross_entropy(net(x), torch.tensor([0, 3, 1]))
    loss.backward()
    assert loss.isfinite()
    assert all(part.grad is not None and part.grad.isfinite().all() for part in net.parameters())


@networks
@pytest.mark.parametrize("x", [torch.zeros(2, 3, T, V, 2), torch.ones(2, 3, T, V, 2), clips(1).float()])
def test_clips_without_any_information_stay_finite(name: str, x: Tensor) -> None:
    net = network(name).float()
    net(x).square().sum().backward()
    assert all(part.grad is not None and part.grad.isfinite().all() for part in net.parameters())
    assert net(x).isfinite().all()
    assert net.eval()(x).isfinite().all()


@networks
def test_batch_mates_do_not_matter_in_evaluation(name: str) -> None:
    net = network(name)
    scramble(net)
    net(clips(4))
    net.eval()
    together = net(clips(4))
    other = torch.cat([clips(4)[:2], clips(4, seed=5)[2:]])
    torch.testing.assert_close(net(other)[:2], together[:2])
    torch.testing.assert_close(torch.cat([net(clip[None]) for clip in clips(4)]), together)


def test_states_carry_the_whole_network() -> None:
    net, other = network("st_gdn"), network("st_gdn")
    scramble(net)
    net(clips())
    scores = net.eval()(clips())
    other.load_state_dict(net.state_dict())
    for twin in (other.eval(), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(twin(clips()), scores)


@networks
def test_the_order_of_the_bodies_enters_by_the_input_norm_alone(name: str) -> None:
    net, x = network(name, dropout=0.0), clips()
    scramble(net)
    swapped = x.flip(4)
    if not net.per_body_norm:
        assert not torch.allclose(net(swapped), net(x))
        with torch.no_grad():
            for values in net.input_norm.parameters():
                values.view(2, -1)[1] = values.view(2, -1)[0]
    both = torch.cat([x, swapped])  # so that both bodies have the same batch statistics
    scores = net(both)
    torch.testing.assert_close(scores[:3], scores[3:], atol=1e-10, rtol=0)


def test_an_empty_second_body_stays_out_of_the_statistics() -> None:
    net, x = network("st_gdn", empty_bodies="padded"), clips()
    x[..., 1] = 0
    masks = []
    for part in parts(net, Whitening):
        part.register_forward_hook(lambda _layer, inputs, _output: masks.append(inputs[1]))
    for part in parts(net, GDN):
        part.register_forward_hook(lambda _layer, inputs, _output: masks.append(inputs[1]))
    net(x)
    assert len(masks) == 8  # six GDN or GDCN, two TDN
    for mask in masks:
        assert not mask[:, 1].any()
        assert mask[0, 0].all()


@pytest.mark.parametrize("bodies", [1, 3])
def test_other_numbers_of_bodies(bodies: int) -> None:
    x = clips()[..., [0, 1, 0][:bodies]]
    assert network("st_gdn", bodies=bodies)(x).shape == (3, CLASSES)


@networks
@pytest.mark.parametrize("frames", [8, 9, 11])
def test_watch_sees_every_layer(name: str, frames: int) -> None:
    net, seen = network(name, frames=frames), {}
    last = net.features(clips(frames=frames), watch=seen.__setitem__)
    assert list(seen) == list(range(len(net.layers)))
    T_out = frames
    for layer, stride in enumerate(NETWORKS[name]["strides"]):
        T_out = math.ceil(T_out / stride)
        assert seen[layer].shape == (6, net.channels[layer], T_out, V)
    assert seen[len(net.layers) - 1] is last


def test_scores_are_the_mean_feature_classified() -> None:
    net, x = network("st_gdn").eval(), clips()
    features = net.features(x).view(3, 2, -1, 3, V)
    expected = net.classifier(torch.stack([features[n].mean(dim=(0, 2, 3)) for n in range(3)]))
    torch.testing.assert_close(net(x), expected)


def test_frames_bind_only_where_they_are_whitened() -> None:
    assert network("st_gdcn")(clips(frames=13)).shape == (3, CLASSES)
    with pytest.raises(InputError, match="5 frames and was given 7"):  # at layer 6, behind a stride
        network("st_gdn")(clips(frames=13))


def test_one_number_or_word_stands_for_all_layers() -> None:
    assert expand_row(2, 3, "strides") == [2, 2, 2]
    assert expand_row("gcn", 2, "blocks") == ["gcn", "gcn"]
    assert expand_row((1, 2), 2, "strides") == [1, 2]
    assert network("agcn_7l", strides=1).strides == [1] * 7


@networks
def test_the_backbone_alone_computes_the_same(name: str) -> None:
    net = network(name, dropout=0.0)
    torch.manual_seed(0)
    small = {"num_classes": CLASSES, "frames": T, "layout": "kinect20", "width": 0.125, "dropout": 0.0}
    backbone = Backbone(**(NETWORKS[name] | small)).double()
    assert list(backbone.state_dict()) == list(net.state_dict())
    assert all(torch.equal(*pair) for pair in zip(backbone.parameters(), net.parameters(), strict=True))
    for one in (net, backbone):
        scramble(one)
    torch.testing.assert_close(backbone(clips()), net(clips()), atol=1e-11, rtol=0)
    assert torch.equal(backbone.eval()(clips(1)), net.eval()(clips(1)))


def test_options_reach_the_filters_that_take_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Louder(TCN):
        def __init__(self, channels: int, *, factor: float = 1.0, **options: Any) -> None:  # noqa: ANN401
            super().__init__(channels, **options)
            self.factor = factor

    monkeypatch.setitem(BLOCKS, "louder", Filters(GCN, Louder))
    net = network("agcn_7l", blocks=["gcn"] * 6 + ["louder"], factor=3.0, kernel_size=5)
    (filter_,) = parts(net, Louder)
    assert filter_.factor == 3
    assert all(part.theta.kernel_size == (5, 1) for part in parts(net, TCN))
    assert parts(network("agcn_7l", blocks="louder"), Louder)[0].factor == 1


def test_dropout_leaves_out_the_first_layer() -> None:
    assert [layer.dropout for layer in parts(network("st_gcn"), Block)] == [0.0] + [0.5] * 9


def test_whitening_options_reach_every_layer() -> None:
    options = {"iterations": 3, "eps": 0.5, "floor": "absolute", "statistics": "instance", "momentum": 0.7}
    layers = parts(network("st_gdn", whitening=options | {"detach": True}), Whitening)
    assert [layer.axis for layer in layers] == ["node"] * 5 + ["frame"] + ["node", "frame"]
    for layer in layers:
        assert all(getattr(layer, name) == value for name, value in options.items())
        assert layer.detach is True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strides": [1, 2]}, "model.strides has 2 entries and model.channels 7: give 7 entries"),
        ({"blocks": ["gcn"] * 8}, "model.blocks has 8 entries and model.channels 7"),
        ({"blocks": "gdn3"}, "unknown block 'gdn3', allowed: gcn, .*did you mean 'gdn"),
        ({"blocks": ["gcn"] * 6 + ["gdnt"]}, "unknown block 'gdnt'.*did you mean 'gdn_t'"),
        ({"style": "agnc"}, "unknown network style 'agnc', allowed: agcn, st_gcn, st_gcn_pp; did you mean 'agcn'"),
        ({"terms": ["physical", "atention"]}, "unknown adjacency term 'atention'.*did you mean 'attention'"),
        ({"layout": "ntu"}, "unknown joint layout 'ntu'"),
        ({"kernel_size": 8}, "kernel of 8 frames"),
        ({"whitening": {"floor": "none"}}, "unknown whitening floor 'none'"),
        (
            {"graph": "separate"},
            "option of filters 'graph', allowed: dilations, graphs, kernel_size, terms; did you mean 'graphs'",
        ),
    ],
)
def test_mistakes_in_a_config_raise(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        network("st_gdn", **options)


@pytest.mark.parametrize("shape", [(2, 2, T, V, 2), (2, 3, T, 25, 2), (2, 3, T, V, 1), (2, 3, T, V), (2, 6, T, V)])
def test_clips_of_another_shape_raise(shape: tuple[int, ...]) -> None:
    given = ", ".join(str(size) for size in shape[1:])
    with pytest.raises(InputError, match=rf"takes clips .* \(3, 9, 20, 2\) and was given \({given}\)"):
        network("st_gdn")(torch.zeros(shape))


def test_temporal_deconvolutions_are_built_for_the_frames_behind_the_strides() -> None:
    sizes = [filter_.whitening.size for filter_ in parts(network("st_gdn_t", frames=11), TDN)]
    assert sizes == [11, 11, 11, 11, 11, 6, 3]
