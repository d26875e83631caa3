"""TSFNet: two U-Net stages with a spatial and a frequency branch, for large factors without a reference."""
