"""Trained networks for other programs: ONNX, torch.export, safetensors; and weights that other code has trained."""
