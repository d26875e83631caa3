"""Learning with a latent bank: the bank by itself, and SpecGAN around it."""
