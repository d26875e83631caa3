"""What others published: weights, option files, stores, and the parity cases that hold us to them."""
