"""One table over all sets: one recipe a set, ours beside the same network's and the best published figure."""

from pathlib import Path

from tests.reports.findings.experiments import network_run, runs_of

from stgdn.reports.findings.headline import BEST, best_published, headline, headline_columns, row_commands
from stgdn.reports.tables.table_files import markdown_table


def test_the_recipe_that_most_networks_have(tmp_path: Path) -> None:
    for model in ("st_gcn", "agcn_7l"):
        network_run(tmp_path, model, epochs=65, name="nw_ucla-seed1+epochs-65")
    network_run(tmp_path, "agcn_7l", seed=1, epochs=130, name="nw_ucla-seed1+epochs-130")
    table = headline(runs_of(tmp_path))
    assert [(row.method, row.first and row.first.epochs) for row in table.rows] == [("st_gcn", 65), ("agcn_7l", 65)]
    assert table.notes[0].endswith("; rows by other recipes that are left out here: 1.")
    assert "65 epochs of 1,020 clips, 4,160 steps of 16 clips" in table.notes[0]


def test_of_as_many_the_longer_one_then_that_with_more_seeds(tmp_path: Path) -> None:
    for epochs in (30, 65, 12):
        network_run(tmp_path, "agcn_7l", epochs=epochs, name=f"nw_ucla-seed1+epochs-{epochs}")
    for seed in (1, 2):
        name = f"nw_ucla-seed{seed}+batch_size-8+epochs-65"
        network_run(tmp_path, "agcn_7l", seed=seed, epochs=65, name=name)
    assert headline(runs_of(tmp_path)).rows[0].recipe == "nw_ucla+batch_size-8+epochs-65"


def test_networks_that_were_changed_are_not_taken_for_others(tmp_path: Path) -> None:
    for seed in (1, 2):
        network_run(tmp_path, "st_gcn", blocks="st_gcn", whiten="node", seed=seed)
    (row,) = headline(runs_of(tmp_path)).rows
    assert (row.method, list(row.published)) == ("st_gcn+node", [BEST])
    network_run(tmp_path, "st_gcn", blocks="st_gcn")
    plain, changed = headline(runs_of(tmp_path)).rows
    assert (plain.method, list(plain.published)) == ("st_gcn", ["top1", BEST])
    assert (changed.method, list(changed.published)) == ("st_gcn+node", [BEST])


def test_rows_of_networks_with_other_blocks_trained_alike(tmp_path: Path) -> None:
    for whiten in ("none", "channel", "node+frame"):
        network_run(tmp_path, "ctr_gcn", whiten=whiten)
    network_run(tmp_path, "ctr_gcn", name="nw_ucla-seed1+model.whiten-none")  # the first one again
    network_run(tmp_path, "ctr_gcn", whiten="channel", epochs=65, name="nw_ucla-seed1+epochs-65+model.whiten-channel")
    network_run(tmp_path, "ctr_gcn", name="nw_ucla-seed1+model.kernel_size-5")
    table = headline(runs_of(tmp_path))
    assert [row.method for row in table.rows] == ["ctr_gcn", "ctr_gcn+channel", "ctr_gcn+node+frame"]
    assert table.notes[0].endswith("; rows by other recipes that are left out here: 3.")


def test_other_blocks_have_a_row_of_their_own(tmp_path: Path) -> None:
    network_run(tmp_path, "agcn_7l")
    network_run(tmp_path, "agcn_7l", blocks="gdcn", stream="bone", name="nw_ucla-seed1+model.blocks-gdcn")
    rows = [(row.method, row.stream) for row in headline(runs_of(tmp_path)).rows]
    assert rows == [("agcn_7l", "joint"), ("agcn_7l+model.blocks-gdcn", "bone")]


def test_beside_published(tmp_path: Path) -> None:
    network_run(tmp_path, "st_gcn", test_top1=85.2)
    table = headline(runs_of(tmp_path))
    (row,) = table.rows
    assert row.published["top1"].value == 84.2
    assert (row.published[BEST].method, row.published[BEST].value) == ("FR-Head", 94.4)
    (line,) = [line for line in markdown_table(table, headline_columns(table)).splitlines() if "| st_gcn |" in line]
    assert line == "| 1 | nw_ucla | st_gcn | joint | 1 (one seed) | 85.2 | 84.2 [a] | +1.0 † | FR-Head 94.4 [b] |"
    assert any(note.startswith("† ") for note in table.notes)


def test_best_of_four_streams_and_of_none() -> None:
    best = best_published("nw_ucla", "joint+bone+joint_motion+bone_motion")
    assert best is not None
    assert (best.method, best.value) == ("InfoGCN", 97.0)
    assert best_published("demo", "joint") is None


def test_a_fusion_names_its_rows(tmp_path: Path) -> None:
    for stream in ("joint", "bone"):
        network_run(tmp_path, "st_gcn", stream=stream)
    table = headline(runs_of(tmp_path))
    assert [row.stream for row in table.rows] == ["joint", "bone", "joint+bone"]
    assert row_commands(table, table.rows[2]).startswith("the class scores of rows 1, 2 added")
    assert row_commands(table, table.rows[0]) == "`python src/train.py model=st_gcn seed=1`"


def test_fusions_of_two_networks_of_one_name(tmp_path: Path) -> None:
    for stream in ("joint", "bone"):
        network_run(tmp_path, "agcn_7l", stream=stream)
        network_run(tmp_path, "agcn_7l", whiten="node", stream=stream)
        network_run(tmp_path, "st_gdn2", blocks="gdn2", stream=stream)
    table = headline(runs_of(tmp_path))
    fused = [row_commands(table, row) for row in table.rows if row.method == "st_gdn2" and row.stream == "joint+bone"]
    assert [line.split(" added")[0] for line in fused] == [
        "the class scores of rows 2, 5",
        "the class scores of rows 3, 6",
    ]


def test_commands_name_no_folders(tmp_path: Path) -> None:
    for seed in (1, 2):
        command = f"python src/train.py data=nw_ucla seed={seed} data_root=/somewhere/data logger=csv"
        network_run(tmp_path, "st_gcn", seed=seed, command=command)
    table = headline(runs_of(tmp_path))
    assert row_commands(table, table.rows[0]) == "`python src/train.py -m data=nw_ucla seed=1,2`"
