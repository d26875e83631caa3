"""Loss functions: tensors in, a scalar out."""
