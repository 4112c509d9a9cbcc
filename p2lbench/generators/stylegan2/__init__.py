"""StyleGAN2 (Karras et al. 2020): checkpoints, the network, the generator."""
