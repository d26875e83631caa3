"""Images to samples: files, stores, pairing, crops, augmentation, degradation."""
