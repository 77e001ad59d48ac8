"""BatchNorm over all processes of a data-parallel run, on CPUs as on GPUs, as Lightning switches it on and off."""

from lightning.pytorch.plugins.layer_sync import LayerSync
from torch import nn

from stgdn.model.norm import BatchNorm


class BatchNormOverRanks(LayerSync):
    """Lets every BatchNorm of a network count over all processes while it trains on several.

    R processes with a share of the batch each then compute what one computes with all of it, as the whitening does.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """Lightning calls this before training."""
        return _switch(model, on=True)

    def revert(self, model: nn.Module) -> nn.Module:
        """Lightning calls this after training."""
        return _switch(model, on=False)


def _switch(model: nn.Module, *, on: bool) -> nn.Module:
    for module in model.modules():
        if isinstance(module, BatchNorm):
            module.over_ranks = on
    return model
