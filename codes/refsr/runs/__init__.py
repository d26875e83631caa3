"""The state of a run on disk and between processes: model files, checkpoints, run folder, process group."""
