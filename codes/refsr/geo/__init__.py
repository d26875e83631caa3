"""Where rasters lie on the ground: the one affine transform that all rooms use."""
