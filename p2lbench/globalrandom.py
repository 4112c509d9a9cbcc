"""Random states for third-party code that draws from global generators."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager


class GlobalRandom:
    """Its own global states, in force inside `with`; the caller's are back afterwards.

    ```python
    own = GlobalRandom(seed)
    with own.installed():
        library.draw()
    ```
    """

    def __init__(self, seed: int) -> None:
        import numpy as np
        import torch

        with _restored():
            random.seed(seed)
            np.random.seed(seed % 2**32)
            torch.manual_seed(seed % 2**63)
            self._states = _states()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Swap the states in; they go on from where they were left."""
        with _restored():
            _install(self._states)
            try:
                yield
            finally:
                self._states = _states()


@contextmanager
def _restored() -> Iterator[None]:
    before = _states()
    try:
        yield
    finally:
        _install(before)


def _states() -> tuple[object, object, object]:
    import numpy as np
    import torch

    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def _install(states: tuple[object, object, object]) -> None:
    import numpy as np
    import torch

    random.setstate(states[0])  # type: ignore[arg-type]
    np.random.set_state(states[1])  # type: ignore[arg-type]
    torch.set_rng_state(states[2])  # type: ignore[arg-type]
