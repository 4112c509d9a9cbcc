"""Stored rows of a published results folder, beside the rows that a suite runs itself.

`folder` reads what a stranger wrote, `match` decides which rows are of the same cells as the
suite's, `beside` brings them into the suite's own folder, `told` is what tables say of them.
"""
