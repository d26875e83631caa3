"""Diffusion: how a denoiser is trained, and the samplers that restore images with it."""
