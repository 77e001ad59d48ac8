"""Clips with the predictions and saliency of networks: as a page, a film, or frames side by side."""
