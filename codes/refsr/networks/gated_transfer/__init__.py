"""GatedTransfer: a single-image network of choice, and detail of a registered reference through a gate."""
