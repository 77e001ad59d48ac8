"""Published values: all with a source, of data and networks that this suite knows by these names."""

import pytest
from tests.conftest import ROOT

from stgdn.data.batches.settings import STREAMS
from stgdn.reports.tables.letter import ABLATION, LETTER
from stgdn.reports.tables.published import METRICS, PublishedValue, published_values, values_of


def names(group: str) -> set[str]:
    return {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}


@pytest.mark.parametrize(
    "published", published_values(), ids=lambda each: f"{each.method}-{each.data}-{each.stream}-{each.metric}"
)
def test_every_value_is_whole(published: PublishedValue) -> None:
    assert published.source
    assert published.data in names("data")
    assert published.model is None or published.model in names("model")
    assert published.metric in METRICS
    assert (0 < published.value < 10) if published.metric == "gain" else (30 < published.value < 100)
    assert set(published.stream.split("+")) <= set(STREAMS) or published.stream.endswith(" streams")
    assert 2018 <= published.year <= 2026


def test_none_stands_there_twice() -> None:
    keys = [(each.method, each.data, each.stream, each.metric) for each in published_values()]
    assert len(set(keys)) == len(keys)
    own = [(each.model, *key[1:]) for each, key in zip(published_values(), keys, strict=True) if each.model]
    assert len(set(own)) == len(own)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("st_gdn", "ntu60_xsub", "joint+bone", "top1"), 89.7),
        (("st_gdn", "ntu60_xview", "joint+bone", "top1"), 95.9),
        (("st_gdn", "kinetics", "joint+bone", "top1"), 37.3),
        (("st_gdn", "kinetics", "joint+bone", "top5"), 60.5),
        (("st_gdn", "ntu60_xsub", "bone", "gain"), 9.1),
        (("st_gcn", "nw_ucla", "joint", "top1"), 84.2),
        (("st_gcn_pp", "ntu60_xsub", "joint", "top1"), 89.3),
    ],
)
def test_the_letters_own_figures(place: tuple[str, str, str, str], value: float) -> None:
    *network, metric = place
    assert values_of(*network)[metric].value == value


def test_what_was_not_published() -> None:
    assert values_of("st_gdn2", "ntu60_xsub", "joint") == {}


def test_the_letters_tables_name_configs() -> None:
    assert set(ABLATION) <= names("model")
    assert {data for layout in LETTER for data in layout.data} <= names("data")
    assert [layout.name for layout in LETTER] == ["table1", "table2", "table3", "table4"]
