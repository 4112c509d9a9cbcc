"""The paper's experiments: what a suite that names one (`experiment: table1`) is an edition of."""

NAMES = (
    "table1",
    "table2",
    "table3",
    "figure10",
    "figure12",
    "figure14",
    "figure15",
    "figure17",
    "figure18",
    "runtime",
)
