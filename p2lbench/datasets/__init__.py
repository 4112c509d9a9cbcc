"""Images of the paper's experiments, drawn from the user's own folders of photos."""
