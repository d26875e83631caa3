"""How good restored images are: measured, summed up, and kept as files."""
