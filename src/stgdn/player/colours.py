"""Colours of bodies, classes and saliency, on white; pages and figures share them."""

from matplotlib.colors import LinearSegmentedColormap

BODIES = ("#0b6fb8", "#c4500b")  # a third body has the first colour again
CLASSES = (
    *("#0b6fb8", "#c4500b", "#1a7f45", "#9437a6", "#5d6b00"),
    *("#b3123f", "#007d8a", "#6b4f3a", "#3d4fb5", "#59636e"),
)
RAMP = ("#d5dae0", "#f2a03d", "#c22a1b", "#6b0713")  # from not at all to most, at equal distances

looked_at = LinearSegmentedColormap.from_list("looked_at", RAMP)
