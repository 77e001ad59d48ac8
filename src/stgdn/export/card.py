"""The model card of exported weights: network, data, training, accuracy and licence."""

from typing import Any

from stgdn.data.protocols import PROTOCOLS
from stgdn.export.facts import TRAINING
from stgdn.inference.load import METADATA_FILE, WEIGHTS

RANDOM_SETTINGS = ("crop", "jitter", "rotate", "moving_camera")
HEADER = """---
library_name: stgdn
tags: [skeleton-based-action-recognition, graph-neural-network]
---
"""

USE = """```python
import stgdn

network = stgdn.load("FOLDER")          # this folder
network.probabilities([joints])         # (1, classes), for joints (M, T, V, C) in the layout of the data
```
"""


def model_card(metadata: dict[str, Any]) -> str:
    """Return README.md for the metadata of a network, see `stgdn.export.facts`."""
    data = metadata["config"]["data"]
    title = f"# {metadata['network']} on {data['name']}, stream {metadata['stream']}"
    parts = [
        *(HEADER + title, _summary(metadata), "## Data", _data(metadata), "## Training", _training(metadata)),
        *("## Accuracy", _accuracy(metadata), "## Use", USE.rstrip(), _files(metadata)),
        *("## Licence", _licence(data)),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(metadata: dict[str, Any]) -> str:
    shape = metadata["clip_shape"]
    lines = [
        "Skeleton-based action recognition. "
        f"Input: clips of {shape['C']} coordinates, {shape['T']} frames, {shape['V']} joints "
        f"({metadata['layout']['name']}) and {shape['M']} {'body' if shape['M'] == 1 else 'bodies'}. "
        f"Output: scores of {len(metadata['classes'])} classes before the softmax.",
        f"- parameters: {metadata['parameters']:,}",
        f"- weights: {_state(metadata)}",
    ]
    return lines[0] + "\n\n" + "\n".join(lines[1:])


def _state(metadata: dict[str, Any]) -> str:
    if metadata["folded"]:
        return "folded, for inference only: whitening and BatchNorm are constants of the filters"
    return "as trained, with running statistics"


def _data(metadata: dict[str, Any]) -> str:
    data = metadata["config"]["data"]
    lines = [f"- set: {data['dataset']}, {data['num_classes']} classes{_synthetic(metadata)}"]
    protocol = PROTOCOLS.get(data["protocol"])
    if protocol is None:
        lines.append(f"- protocol: {data['protocol']}")
    else:
        values = ", ".join(map(str, protocol.train))
        lines.append(f"- protocol: {data['protocol']}, trained on {protocol.by} {values} and tested on the others")
    if clips := (metadata["results"] or {}).get("clips"):
        lines.append("- clips: " + ", ".join(f"{count:,} {split}" for split, count in clips.items() if count))
    if median := data.get("median_frames"):
        lines.append(f"- length of the training clips: {median} frames (median)")
    settings = metadata["preprocessing"]
    always = _listed({key: value for key, value in settings.items() if key not in RANDOM_SETTINGS})
    if metadata["config"].get("origin"):
        return "\n".join([*lines, f"- preprocessing: {always}"])
    drawn = _listed({key: settings[key] for key in RANDOM_SETTINGS})
    return "\n".join([*lines, f"- preprocessing: {always}", f"- at random, in training only: {drawn}"])


def _synthetic(metadata: dict[str, Any]) -> str:
    made_up = metadata["config"]["data"].get("synthetic") or (metadata["results"] or {}).get("synthetic")
    return "; **synthetic people**, nobody who exists" if made_up else ""


def _listed(settings: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_word(value)}" for key, value in settings.items())


def _word(value: Any) -> str:  # noqa: ANN401
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value).lower()


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
    top5 = f", top-5 {results['test_top5']:.1f} %" if results.get("test_top5") is not None else ""
    return (
        f"Top-1 {results['test_top1']:.1f} %{top5} on the test split, one run, seed {results['seed']}, last epoch"
        f"{'; of synthetic people it says nothing about real ones' if _synthetic(metadata) else ''}."
    )


def _files(metadata: dict[str, Any]) -> str:
    return (
        f"`{WEIGHTS}` holds the weights, `{METADATA_FILE}` the classes, joints, preprocessing and config. Neither "
        f"needs pickle or Lightning. Written by {metadata['made_with']}."
    )


def _licence(data: dict[str, Any]) -> str:
    stated = data.get("licence") or "none is known to the suite, which does not mean that there are no terms"
    lines = [f"- of the data: {stated}"]
    if data.get("obtain"):
        lines.append(f"- where the data is from: {data['obtain']}")
    lines.append(
        "- of the weights: nobody has stated one; they were trained on the data, whose terms may hold for them"
    )
    return "\n".join(lines)
