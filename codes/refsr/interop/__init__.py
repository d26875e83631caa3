"""What others published: weights, in and out."""
