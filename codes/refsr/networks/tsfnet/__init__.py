"""TSFNet: two stages of a U-Net with a spatial and a frequency branch, for large factors without a reference."""
