"""`python -m p2lbench` is `p2lbench`."""

from p2lbench.cli import main

main()
