"""The letter, in plain PyTorch: no Lightning, no Hydra, no data code."""
