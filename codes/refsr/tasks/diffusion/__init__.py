"""Diffusion: how a denoiser learns, and the samplers that make images with it."""
