"""Depth and plug-in tables, from runs that were trained alike."""

from pathlib import Path

import pytest
from tests.reports.findings.experiments import depth_runs, groups_of, network_run

from stgdn.reports.findings.remedies import depth_grid, depth_table, plugin_grid, plugin_table


class TestDepth:
    def test_a_row_each_remedy_and_what_the_deepest_loses(self, tmp_path: Path) -> None:
        depth_runs(tmp_path)
        grid = depth_grid(groups_of(tmp_path))
        assert grid is not None
        assert depth_table(grid) == [
            ["against over-smoothing", "7 layers", "16 layers", "from 7 to 16"],
            ["nothing", "89.0 ± 0.0", "85.2 ± 0.1", "−3.8 ± 0.1"],
            ["joints whitened", "90.0 ± 0.0", "89.2 ± 0.1", "−0.8 ± 0.1"],
            ["PairNorm", "89.0 ± 0.0", "86.2 ± 0.1", "−2.8 ± 0.1"],
        ]
        assert grid.values("node", "16", "dirichlet") == pytest.approx(dict.fromkeys((1, 2, 3), 0.26))

    def test_one_seed_is_marked_and_what_is_missing_left_open(self, tmp_path: Path) -> None:
        depth_runs(tmp_path)
        network_run(tmp_path, "agcn_4l", layers=4, test_top1=80)
        network_run(tmp_path, "agcn_7l", whiten="frame", test_top1=80)  # of one depth only: no line
        grid = depth_grid(groups_of(tmp_path))
        assert grid is not None
        table = depth_table(grid)
        assert table[1][:2] == ["nothing", "80.0 (one seed)"]
        assert table[2][:2] == ["joints whitened", "–"]
        assert len(table) == 4
        assert "one seed" not in grid.caption()

    def test_one_seed_of_all_is_said_once(self, tmp_path: Path) -> None:
        depth_runs(tmp_path, seeds=(1,))
        grid = depth_grid(groups_of(tmp_path))
        assert grid is not None
        assert grid.caption().endswith(", one seed each")
        assert "one seed" not in str(depth_table(grid))

    def test_a_depth_that_one_remedy_has_is_no_end(self, tmp_path: Path) -> None:
        depth_runs(tmp_path)
        network_run(tmp_path, "agcn", layers=10, test_top1=50)
        grid = depth_grid(groups_of(tmp_path))
        assert grid is not None
        assert depth_table(grid)[0] == ["against over-smoothing", "7 layers", "10 layers", "16 layers", "from 7 to 16"]

    def test_whitened_blocks_are_whitened(self, tmp_path: Path) -> None:
        for layers in (4, 7):
            for blocks in ("gcn", "gdn2", "gdn_c", "pair_norm"):
                name = f"nw_ucla-seed1+model.blocks-{blocks}"
                network_run(tmp_path, f"agcn_{layers}l", layers=layers, blocks=blocks, name=name)
        grid = depth_grid(groups_of(tmp_path))
        assert grid is not None
        assert grid.rows == ["none", "node", "channel", "pair_norm"]

    def test_of_other_trainings_and_options_nothing_is_mixed_in(self, tmp_path: Path) -> None:
        depth_runs(tmp_path)
        network_run(tmp_path, "agcn_7l", epochs=65, name="nw_ucla-seed1+epochs-65", test_top1=99)
        other = "nw_ucla-seed1+model.whitening.iterations-15"
        network_run(tmp_path, "agcn_16l", layers=16, name=other, test_top1=1)
        grid = depth_grid(groups_of(tmp_path))
        assert grid is not None
        assert depth_table(grid)[1][1:3] == ["89.0 ± 0.0", "85.2 ± 0.1"]

    def test_none(self, tmp_path: Path) -> None:
        network_run(tmp_path, "agcn_7l")
        assert depth_grid(groups_of(tmp_path)) is None


class TestPlugin:
    def test_networks_by_what_is_whitened(self, tmp_path: Path) -> None:
        for seed in (1, 2):
            for whiten, top1 in (("none", 91.0), ("node", 92.0), ("channel", 90.5)):
                network_run(tmp_path, "ctr_gcn", seed=seed, blocks="ctr_gcn", whiten=whiten, test_top1=top1 + seed)
            network_run(tmp_path, "st_gdn2", seed=seed, blocks="gdn2")
        network_run(tmp_path, "agcn_7l", test_top1=88)
        network_run(tmp_path, "agcn_7l", whiten="node", test_top1=87)
        grid = plugin_grid(groups_of(tmp_path))
        assert grid is not None
        assert plugin_table(grid) == [
            ["network", "`none`", "`node`", "`channel`"],
            ["`agcn_7l`", "88.0 (one seed)", "87.0 (one seed) (−1.0)", "–"],
            ["`ctr_gcn`", "92.5 ± 0.7", "93.5 ± 0.7 (+1.0 ± 0.0)", "92.0 ± 0.7 (−0.5 ± 0.0)"],
        ]

    def test_networks_of_the_depth_table_are_not_repeated(self, tmp_path: Path) -> None:
        for blocks in ("gcn", "gdn2", "gdn_c"):
            network_run(tmp_path, "agcn_4l", layers=4, blocks=blocks, name=f"nw_ucla-seed1+model.blocks-{blocks}")
        assert plugin_grid(groups_of(tmp_path)) is None
        for whiten in ("none", "node"):
            network_run(tmp_path, "st_gcn", layers=10, blocks="st_gcn", whiten=whiten)
        grid = plugin_grid(groups_of(tmp_path))
        assert grid is not None
        assert grid.rows == ["st_gcn"]

    def test_none(self, tmp_path: Path) -> None:
        network_run(tmp_path, "ctr_gcn", blocks="ctr_gcn", whiten="node")
        assert plugin_grid(groups_of(tmp_path)) is None
