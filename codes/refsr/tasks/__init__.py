"""Tasks: how a family of networks is trained, and how it restores images."""
