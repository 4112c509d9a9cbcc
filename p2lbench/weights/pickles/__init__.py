"""Reading pickles of strangers: nothing in them is imported, called or executed.

`machine.py` interprets a pickle's opcodes itself and does not use Python's `pickle`. What a pickle
calls its globals are keys of a short table of our own functions (`values.py`), which build plain
data; a name that is not in the table ends the reading. `torchfile.py` looks in the same way
at what torch is about to unpickle.
"""

from p2lbench.weights.pickles.machine import run
from p2lbench.weights.pickles.storages import tensor
from p2lbench.weights.pickles.torchfile import look_through
from p2lbench.weights.pickles.values import Bad, Module, Stored

__all__ = ["Bad", "Module", "Stored", "look_through", "run", "tensor"]
