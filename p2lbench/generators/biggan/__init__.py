"""BigGAN-deep (Brock et al. 2019): checkpoints, the network, the generators."""
