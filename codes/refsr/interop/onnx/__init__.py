"""Whole networks as ONNX files that say how they are used."""
