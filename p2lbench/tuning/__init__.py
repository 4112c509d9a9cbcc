"""Choosing hyper-parameters on a suite's tune images: `p2lbench tune`.

Spaces → trials → a derived suite, which the ordinary runner runs → scores → the tuned suite.
"""

TRIALS = 16  # of each method, the row as written included
