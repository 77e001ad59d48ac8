"""Writes one checkpoint over the other, 20 MB each, until it is killed: `python checkpoint_writer.py PATH`."""

import sys
from itertools import count

import torch

from stgdn.training.callbacks.checkpoints import WholeCheckpoints

if __name__ == "__main__":
    for epoch in count():
        weights = {"weight": torch.full((5_000_000,), float(epoch))}
        WholeCheckpoints().save_checkpoint({"state_dict": weights, "epoch": epoch}, sys.argv[1])
        print(epoch, flush=True)
