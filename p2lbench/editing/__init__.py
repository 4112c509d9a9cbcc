"""What people do with a projection: its latents moved, its images seen, all of it written."""
