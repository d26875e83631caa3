"""Training with a latent bank: StyleGAN2, which is the bank, and SpecGAN around it."""
