"""A plugin-based optimizer benchmark toolkit for GAN inversion."""

__version__ = "0.1.0"
