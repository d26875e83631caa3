"""RefDiff: the conditional denoiser of Ref-Diff."""
