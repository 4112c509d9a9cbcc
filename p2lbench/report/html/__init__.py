"""The report: a results folder as one HTML file that needs nothing else."""
