"""Curves read back as they were written; the message about damage names the line."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stgdn.errors import InputError
from stgdn.runs.metrics import last_smoothing, read_metrics


def test_columns_by_name_and_empty_entries(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,train/loss,val/loss\n1,2.5,\n2,1.25,1e-3\n")
    metrics = read_metrics(path)
    assert list(metrics) == ["epoch", "train/loss", "val/loss"]
    np.testing.assert_array_equal(metrics["train/loss"], [2.5, 1.25])
    np.testing.assert_array_equal(metrics["val/loss"], [np.nan, 1e-3])
    path.write_text("epoch,train/loss\n")
    assert read_metrics(path)["train/loss"].shape == (0,)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no column 'epoch'"),
        ("loss\n1\n", "no column 'epoch'"),
        ("epoch,loss\n1,2\n2\n", "line 3 has 1 entries instead of 2"),
        ("epoch,loss\n1,two\n", "line 2: could not convert"),
        ("epoch,loss\n1,\x002\n", "damaged"),
    ],
)
def test_damage_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_metrics(path)


@given(tail=st.binary(max_size=60))
@settings(max_examples=60)
def test_any_bytes_are_columns_of_one_length_or_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "metrics.csv"
    path.write_bytes(b"epoch,loss\n1,2\n" + tail)
    with suppress(InputError):
        columns = read_metrics(path).values()
        assert len({len(column) for column in columns}) == 1


class TestLastSmoothing:
    def write(self, folder: Path, *lines: str) -> Path:
        path = folder / "metrics.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    def test_the_last_measured_epoch_by_layer_in_order(self, tmp_path: Path) -> None:
        order = (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
        columns = ["epoch", "train/loss", *(f"smoothing/mad/layer{n}" for n in order), "smoothing/dirichlet/layer1"]
        path = self.write(
            tmp_path,
            ",".join(columns),
            "1,2.5," + ",".join("9" for _ in order) + ",9",
            "2,2.4," + ",".join(f"0.{n}" for n in order) + ",0.5",
            "3,2.3," + "," * 10,
        )
        found = last_smoothing(path)
        assert found == {"mad": [float(f"0.{n}") for n in range(1, 11)], "dirichlet": [0.5]}

    def test_none_where_nothing_was_measured(self, tmp_path: Path) -> None:
        assert last_smoothing(tmp_path / "missing.csv") == {}
        assert last_smoothing(self.write(tmp_path, "epoch,train/loss", "1,2.5")) == {}
        assert last_smoothing(self.write(tmp_path, "epoch,smoothing/mad/layer1", "1,")) == {}

    def test_a_measure_with_a_gap_is_left_out(self, tmp_path: Path) -> None:
        header = "epoch,smoothing/mad/layer1,smoothing/mad/layer2,smoothing/dirichlet/layer1"
        assert last_smoothing(self.write(tmp_path, header, "1,0.5,,0.25")) == {"dirichlet": [0.25]}

    def test_a_damaged_table_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"metrics\.csv is damaged"):
            last_smoothing(self.write(tmp_path, "epoch,smoothing/mad/layer1", "1,many"))
