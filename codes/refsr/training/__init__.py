"""The training loop and what it needs; it never names a network."""
