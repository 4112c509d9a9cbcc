"""The paper's own tables and figures from a results folder: what is in them, drawn nowhere yet."""
