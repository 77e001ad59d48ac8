"""ST-GDN: spatial temporal graph deconvolutional networks for skeleton-based action recognition."""
