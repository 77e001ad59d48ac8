"""The picture of networks: its colours are those of the filters, and the command draws it."""

from pathlib import Path

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image
from tests.conftest import RunCommand

from stgdn.model.complexity import complexity
from stgdn.model.network import Network
from stgdn.reports.figures.network_figure import FIRST, KINDS, PLAIN, WHITENED, layouts_figure

NODE, FRAME, CHANNEL = WHITENED["node"], WHITENED["frame"], WHITENED["channel"]
FILTERS = {  # what the letter whitens in each block
    "gcn": ((PLAIN,), (PLAIN,)),
    "gdn2": ((NODE,), (PLAIN,)),
    "gdcn": ((PLAIN, NODE), (PLAIN,)),
    "gdn_t": ((PLAIN,), (FRAME,)),
    "gdn_e": ((NODE,), (FRAME,)),
    "gdn_c": ((CHANNEL,), (PLAIN,)),
    "st_gcn": ((PLAIN,), (PLAIN,)),
    "st_gcn_pp": ((PLAIN,), (PLAIN,)),
    "ctr_gcn": ((PLAIN,), (PLAIN,)),
    "st_gcn+node+frame": ((NODE,), (FRAME,)),
}


@pytest.mark.parametrize("block", FILTERS)
def test_a_block_has_the_colours_of_its_filters(block: str) -> None:
    name, _, whiten = block.partition("+")
    style = "st_gcn" if name == "st_gcn" else "agcn"
    network = Network([8], [1], name, num_classes=5, frames=8, style=style, whiten=whiten or "none")
    (axes,) = layouts_figure([(block, network, complexity(network))], "a network").axes
    found = [
        to_hex(patch.get_facecolor())
        for patch in axes.patches
        if isinstance(patch, Rectangle) and patch.get_fill() and patch.get_x() >= FIRST
    ]
    spatial, temporal = FILTERS[block]
    assert tuple(found[: len(spatial) + len(temporal)]) == (*spatial, *temporal)
    texts = [text.get_text() for text in axes.texts]
    assert block in texts
    assert all((KINDS[kind] in texts) == (kind in (spatial, temporal)) for kind in KINDS)


def test_channels_and_strides_are_told() -> None:
    network = Network([8, 16], [1, 2], "gcn", num_classes=5, frames=8, name="small")
    cost = complexity(network)
    (axes,) = layouts_figure([("small", network, cost)], "clips of some kind").axes
    texts = [text.get_text() for text in axes.texts]
    assert {"8", "16\nT / 2", "small", "clips of some kind"} <= set(texts)
    assert f"{cost.parameters / 1e6:.2f} M parameters\n{cost.flops / 1e9:.2f} GFLOP a clip" in texts


def test_the_command_draws(run_command: RunCommand) -> None:
    outcome = run_command("models", "data=demo", "data.frames=16", "width=0.125", "picture=more/layouts.png")
    assert outcome.code == 0, outcome.err
    assert "written: more/layouts.png" in outcome.out
    with Image.open("more/layouts.png") as picture:
        assert picture.width > 1000
    outcome = run_command("models", "data=demo", "picture=layouts.gif")
    assert outcome.code == 1
    assert "picture=layouts.gif cannot be written: its name must end in .png or .svg or .pdf" in outcome.err
    assert not Path("layouts.gif").exists()
