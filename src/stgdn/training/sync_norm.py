"""BatchNorm statistics over all processes of a data-parallel run, on CPUs and GPUs; switched by Lightning."""

from lightning.pytorch.plugins.layer_sync import LayerSync
from torch import nn

from stgdn.model.norm import BatchNorm


class BatchNormOverRanks(LayerSync):
    """Makes every BatchNorm of a network compute statistics over all processes while it trains on several.

    R processes with a share of the batch each then compute the same as one process with all of it, as whitening does.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """Switch it on; Lightning calls this before training."""
        return _switch(model, on=True)

    def revert(self, model: nn.Module) -> nn.Module:
        """Switch it off; Lightning calls this after training."""
        return _switch(model, on=False)


def _switch(model: nn.Module, *, on: bool) -> nn.Module:
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.over_ranks = on
    return model
