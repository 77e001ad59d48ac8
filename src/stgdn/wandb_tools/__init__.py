"""Records of runs for W&B: write, find, upload and watch them."""
