"""DAT, the dual aggregation Transformer: a single-image network."""
