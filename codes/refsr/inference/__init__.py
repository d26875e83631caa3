"""Images of any size restored with a network from a model file: tiles, files, georeferences."""
