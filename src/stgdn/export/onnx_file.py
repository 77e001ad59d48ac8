"""A network as an ONNX file."""

import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from stgdn.export.facts import as_strings, metadata_of
from stgdn.export.tracing import quiet, trace
from stgdn.inference.classifier import TrainedNetwork

OPSET = 18


def write_onnx(network: TrainedNetwork, path: Path) -> None:
    """Write a network, folded: input `clips` (batch, C, T, V, M), output `scores` (batch, classes), float32.

    The metadata of `stgdn.export.facts` is in the file's metadata, one entry each.

    Raises:
        InputError: the network cannot be folded.
    """
    metadata = metadata_of(network, folded=True)
    program = trace(network)
    for name in ("_registration", "_compat"):  # what they say is about parts that no network here has
        logging.getLogger(f"torch.onnx._internal.exporter.{name}").setLevel(logging.ERROR)
    with quiet():
        exported = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=["clips"],
            output_names=["scores"],
            verbose=False,
        )
    assert exported is not None
    exported.model.metadata_props.update(as_strings(metadata))
    path.write_bytes(exported.model_proto.SerializeToString())


def open_onnx(path: Path) -> Callable[[Tensor], Tensor]:
    """Return a function from clips to scores by ONNX Runtime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    return lambda clips: torch.from_numpy(session.run(["scores"], {"clips": clips.numpy()})[0])
