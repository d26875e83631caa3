"""Published weights: read safely, renamed to ours, and kept as safetensors with where they came from."""
