"""Formats of exported networks: ONNX, torch.export, and a folder of safetensors with metadata and a model card."""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save
from torch import Tensor
from torch.export import Dim, ExportedProgram

from stgdn.checksums import with_checksums
from stgdn.errors import InputError, choose
from stgdn.export.card import model_card
from stgdn.export.metadata import metadata_of
from stgdn.inference.classifier import TrainedNetwork
from stgdn.inference.load import METADATA_FILE, WEIGHTS, load
from stgdn.model.fold import fold
from stgdn.model.network import Network
from stgdn.model.norm import Affine

OPSET = 18

Scorer = Callable[[Tensor], Tensor]


class Format(NamedTuple):
    """Describe a format of exported networks.

    Attributes:
        suffix: of the file name; "" for a folder.
        runner: the program that computes with it.
        write: writes a network to a path.
        open: opens a path as a function from clips to scores.
        needs: modules that this package does not install.
    """

    suffix: str
    runner: str
    write: Callable[..., None]
    open: Callable[[Path], Scorer]
    needs: tuple[str, ...] = ()


def chosen_format(name: str, *, folded: bool | None) -> Format:
    """Return the format of a name, ready to write.

    Args:
        name: a key of `FORMATS`.
        folded: whether whitening and BatchNorm become part of the weights; None: always but with safetensors.

    Raises:
        InputError: no such format, its modules are not installed, or unfolded weights for a graph.
    """
    chosen = FORMATS[choose(name, FORMATS, "format")]
    if missing := [module for module in chosen.needs if find_spec(module) is None]:
        raise InputError(f"format={name} needs {', '.join(missing)}: type `pip install -e '.[export]'`")
    if not chosen.suffix:
        return chosen._replace(write=partial(chosen.write, folded=bool(folded)))
    if folded is False:
        raise InputError(f"format={name} is for inference and always folded: say format=safetensors to train on")
    return chosen


def folded_network(network: TrainedNetwork) -> Network:
    """Return the network folded, on a CPU; a folded one is returned unchanged."""
    inner = network.network
    assert isinstance(inner, Network)
    return inner if isinstance(inner.input_norm, Affine) else fold(inner).cpu()


def trace(network: TrainedNetwork) -> ExportedProgram:
    """Return a network, folded, as one graph for batches of any size, in which every body is computed."""
    module = folded_network(network).eval()
    with torch.no_grad(), quiet():
        example = torch.zeros(2, *module.clip_shape)
        return torch.export.export(module, (example,), dynamic_shapes={"clips": {0: Dim("batch")}})


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore PyTorch's warnings about deprecated parts that its own exporters use."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*treespec, LeafSpec.*", FutureWarning)
        yield


def write_onnx(network: TrainedNetwork, path: Path) -> None:
    """Write an ONNX file: input `clips` (batch, C, T, V, M), output `scores` (batch, classes), float32.

    Metadata, see `stgdn.export.metadata`, is the file's metadata, one entry each, as JSON if it is not a word.
    """
    program = trace(network)
    for name in ("_registration", "_compat"):  # what they say is about parts that no network here has
        logging.getLogger(f"torch.onnx._internal.exporter.{name}").setLevel(logging.ERROR)
    names: dict = {"input_names": ["clips"], "output_names": ["scores"]}
    with quiet():
        exported = torch.onnx.export(program, dynamo=True, opset_version=OPSET, verbose=False, **names)
    assert exported is not None
    for key, value in metadata_of(network, folded=True).items():
        exported.model.metadata_props[key] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    path.write_bytes(exported.model_proto.SerializeToString())


def open_onnx(path: Path) -> Scorer:
    """Return a function from clips to scores by ONNX Runtime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    return lambda clips: torch.from_numpy(session.run(["scores"], {"clips": clips.numpy()})[0])


def write_torch(network: TrainedNetwork, path: Path) -> None:
    """Write a graph that PyTorch runs without this package; metadata is its extra file config.json."""
    content = io.BytesIO()  # so that Python writes the file and reports a full disk
    with quiet():
        torch.export.save(trace(network), content, extra_files={METADATA_FILE: metadata_text(network, folded=True)})
    path.write_bytes(content.getvalue())


def open_torch(path: Path) -> Scorer:
    """Return a function from clips to scores by the graph that a file holds."""
    with quiet():
        return torch.export.load(path).module()


def write_folder(network: TrainedNetwork, folder: Path, *, folded: bool) -> None:
    """Write `model.safetensors`, `config.json` and `README.md`, the model card, into an empty folder.

    With `folded` the weights are for inference, else they are as trained and can be trained further.
    """
    inner = folded_network(network) if folded else network.network
    weights = {name: tensor.cpu().contiguous() for name, tensor in inner.state_dict().items()}
    (folder / WEIGHTS).write_bytes(save(weights, metadata={"format": "pt"}))
    metadata, place = metadata_of(network, folded=folded), folder / METADATA_FILE
    text = json.dumps(with_checksums(metadata, place, (WEIGHTS,)), indent=1, ensure_ascii=False)
    place.write_text(text + "\n", encoding="utf-8")
    (folder / "README.md").write_text(model_card(metadata), encoding="utf-8")


def open_folder(folder: Path) -> Scorer:
    """Return a function from clips to scores by the network that `stgdn.load` makes of a folder."""
    return load(folder).network


def metadata_text(network: TrainedNetwork, *, folded: bool) -> str:
    """Return the content of `config.json`."""
    return json.dumps(metadata_of(network, folded=folded), indent=1, ensure_ascii=False)


FORMATS = {
    "onnx": Format(".onnx", "ONNX Runtime", write_onnx, open_onnx, ("onnx", "onnxscript", "onnxruntime")),
    "torch_export": Format(".pt2", "torch.export", write_torch, open_torch),
    "safetensors": Format("", "stgdn.load", write_folder, open_folder),
}
