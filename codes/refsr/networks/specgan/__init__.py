"""SpecGAN, the generator: dual-branch encoder, latent bank, progressive decoder."""
