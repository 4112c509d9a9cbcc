"""Fine-tuning: a generator's weights are moved until they make one photo (paper, section 3.5)."""
