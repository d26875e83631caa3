"""Registration: the transform between two views of the same ground."""
