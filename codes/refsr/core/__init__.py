"""What every room may use: errors, the registry, seeds, atomic files, progress, options."""
