"""1×1 convolutions against PyTorch's of one image after the other."""

import pytest
import torch
import torch.nn.functional as F

from stgdn.model.convolution import FrameConvolution


@pytest.mark.parametrize("shape", [(1, 4, 1, 1), (1, 4, 7, 5), (3, 4, 7, 5), (20, 4, 2, 1)])
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_it_is_a_convolution(shape: tuple[int, ...], memory_format: torch.memory_format) -> None:
    torch.manual_seed(0)
    ours = FrameConvolution(4, 6).double()
    x = torch.randn(shape, dtype=torch.float64).contiguous(memory_format=memory_format).requires_grad_()
    expected = F.conv2d(x, ours.weight, ours.bias)
    found = ours(x)
    torch.testing.assert_close(found, expected)
    assert found.is_contiguous(memory_format=memory_format)
    arguments = (x, *ours.parameters())
    torch.testing.assert_close(
        torch.autograd.grad(found.sin().sum(), arguments), torch.autograd.grad(expected.sin().sum(), arguments)
    )


@pytest.mark.parametrize(
    ("shape", "images"),
    [
        ((2, 4, 16, 5), (16, 4, 2, 5)),  # at least 16 images
        ((16, 4, 16, 5), (16, 4, 16, 5)),
        ((16, 4, 52, 5), (64, 4, 13, 5)),  # of at most 16 frames
        ((2, 4, 7, 5), (14, 4, 1, 5)),  # at most the frames
        ((0, 4, 7, 5), (0, 4, 1, 5)),
    ],
)
def test_clips_are_cut_into_images(shape: tuple[int, ...], images: tuple[int, ...]) -> None:
    x = torch.randn(shape).contiguous(memory_format=torch.channels_last)
    with torch.profiler.profile(record_shapes=True) as profile:
        FrameConvolution(4, 6)(x)
    events = profile.events() or []
    seen = [event.input_shapes[0] for event in events if event.name == "aten::convolution"]
    assert seen == [list(images)]
