"""Fuse the scores of several streams: `python src/fuse.py runs='outputs/ntu60_xsub/st_gdn/*/letter-seed1'`."""

from pathlib import Path

from omegaconf import DictConfig

from stgdn.cli.entry import command
from stgdn.reports.fusion.fusion_files import find_sources, fusion_folder, print_fusion, write_fusion
from stgdn.reports.fusion.score_fusion import fuse


@command("fuse")
def main(config: DictConfig) -> float:
    """Fuse; print and write the accuracy of each stream and its contribution to the fusion; returns top-1."""
    sources = find_sources(config.runs)
    fusion = fuse(sources, config.weights)
    folder = Path(config.folder or fusion_folder(config.outputs, sources, fusion))
    write_fusion(folder, sources, fusion)
    print_fusion(sources, fusion)
    print(f"{folder}: scores.npz, fusion.json")
    return fusion.scores.top1


if __name__ == "__main__":
    main()
