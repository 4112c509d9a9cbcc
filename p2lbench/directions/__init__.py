"""Ways to move a generator's latents so that its image changes in one respect."""
