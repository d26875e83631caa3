"""What every room may use: errors, names, seeds, atomic files, progress, options."""
