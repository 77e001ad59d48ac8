"""The model card of exported weights: network, data, training, accuracy and licence."""

from collections.abc import Iterable
from typing import Any

from stgdn.data.protocols import PROTOCOLS
from stgdn.export.metadata import TRAINING
from stgdn.inference.load import METADATA_FILE, WEIGHTS
from stgdn.rounding import fixed

RANDOM_SETTINGS = ("crop", "jitter", "rotate", "mirror", "moving_camera")
MORE_ACCURACIES = {"test_mean_class": "mean over classes", "test_top5": "top-5"}  # as results and the card name them
STATES = {
    True: "folded, for inference only: whitening and BatchNorm are constants of the filters",
    False: "as trained, with running statistics",
}
NO_LICENCE = "none is known to the suite, which does not mean that there are no terms"
CARD = f"""---
library_name: stgdn
tags: [skeleton-based-action-recognition, graph-neural-network]
---
# {{network}} on {{data}}, stream {{stream}}

Skeleton-based action recognition. Input: clips of {{C}} coordinates, {{T}} frames, {{V}} joints ({{layout}}) and \
{{M}} {{bodies}}. Output: scores of {{classes}} classes before the softmax.

- parameters: {{parameters:,}}
- weights: {{state}}

## Data

{{data_section}}

## Training

{{training}}

## Accuracy

{{accuracy}}

## Use

```python
import stgdn

network = stgdn.load("FOLDER")          # this folder
network.probabilities([joints])         # (1, classes), for joints (M, T, V, C) in the layout of the data
```

`{WEIGHTS}` holds the weights, `{METADATA_FILE}` the classes, joints, preprocessing and config. Neither \
needs pickle or Lightning. Written by {{made_with}}.

## Licence

{{licence}}
"""


def model_card(metadata: dict[str, Any]) -> str:
    """Return README.md for the metadata of a network, see `stgdn.export.metadata`."""
    shape = metadata["clip_shape"]
    own = {key: metadata[key] for key in ("network", "stream", "parameters", "made_with")}
    return CARD.format(
        **own,
        **shape,
        bodies="body" if shape["M"] == 1 else "bodies",
        layout=metadata["layout"]["name"],
        classes=len(metadata["classes"]),
        state=STATES[metadata["folded"]],
        data=metadata["config"]["data"]["name"],
        data_section=_data(metadata),
        training=_training(metadata),
        accuracy=_accuracy(metadata),
        licence=_licence(metadata["config"]["data"]),
    )


def _data(metadata: dict[str, Any]) -> str:
    data, settings = metadata["config"]["data"], metadata["preprocessing"]
    synthetic = "; **synthetic people**, not recordings of real ones" if _is_synthetic(metadata) else ""
    protocol = PROTOCOLS.get(data["protocol"])
    split = "" if protocol is None else f", {protocol}"
    lines = [
        f"- set: {data['dataset']}, {data['num_classes']} classes{synthetic}",
        f"- protocol: {data['protocol']}{split}",
    ]
    if clips := (metadata["results"] or {}).get("clips"):
        lines.append("- clips: " + ", ".join(f"{count:,} {split}" for split, count in clips.items() if count))
    if median := data.get("median_frames"):
        lines.append(f"- length of the training clips: {median} frames (median)")
    lines.append(f"- preprocessing: {_listed(settings, [key for key in settings if key not in RANDOM_SETTINGS])}")
    if not metadata["config"].get("origin"):
        lines.append(f"- at random, in training only: {_listed(settings, RANDOM_SETTINGS)}")
    return "\n".join(lines)


def _is_synthetic(metadata: dict[str, Any]) -> bool:
    return bool(metadata["config"]["data"].get("synthetic") or (metadata["results"] or {}).get("synthetic"))


def _listed(settings: dict[str, Any], keys: Iterable[str]) -> str:
    words = {key: settings[key] if isinstance(settings[key], list | tuple) else [settings[key]] for key in keys}
    return ", ".join(f"{key} {' '.join(map(str, values)).lower()}" for key, values in words.items())


def _training(metadata: dict[str, Any]) -> str:
    config, results = metadata["config"], metadata["results"] or {}
    if origin := config.get("origin"):
        return (
            f"Trained by the code of {origin['paper']} ({origin['code']}), not by this suite. Read from "
            f"`{origin['file']}`, SHA-256 {origin['sha256']}. The preprocessing above was given when it was imported; "
            "that it is what the weights were trained with is not checked."
        )
    lines = [
        f"- recipe: {config.get('recipe_name')}, {metadata['epoch']} of {config.get('epochs')} epochs, "
        f"batches of {config.get('batch_size')}, seed {config.get('seed')}"
    ]
    for part in TRAINING:
        if settings := config.get(part):
            name = settings["_target_"].rpartition(".")[2]
            options = (f"{key} {value}" for key, value in settings.items() if not key.startswith("_"))
            lines.append(f"- {part}: {', '.join([name, *options])}")
    if command := results.get("command"):
        lines.append(f"- command: `{command}`")
    return "\n".join(lines)


def _accuracy(metadata: dict[str, Any]) -> str:
    results = metadata["results"]
    if results is None:
        return "Not measured: this suite has not tested these weights."
    given = {name: results[key] for key, name in MORE_ACCURACIES.items() if results.get(key) is not None}
    more = "".join(f", {name} {fixed(value)} %" for name, value in given.items())
    return (
        f"Top-1 {fixed(results['test_top1'])} %{more} on the test split, one run, seed {results['seed']}, last epoch"
        f"{'; of synthetic people it says nothing about real ones' if _is_synthetic(metadata) else ''}."
    )


def _licence(data: dict[str, Any]) -> str:
    obtain = f"\n- where the data is from: {data['obtain']}" if data.get("obtain") else ""
    return (
        f"- of the data: {data.get('licence') or NO_LICENCE}{obtain}\n"
        "- of the weights: none is stated; they were trained on the data, whose terms may hold for them"
    )
