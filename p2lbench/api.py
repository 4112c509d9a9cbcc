"""All that a plugin may import.

```python
from p2lbench.api import AskTell, Optimizer, hookimpl
```
Importing this module does not import torch.
"""

from __future__ import annotations

from p2lbench.budget import Budget, BudgetSpent, StageOver
from p2lbench.errors import Skip, UserError
from p2lbench.generators.base import Generator, ObjectStats
from p2lbench.hookspecs import Register, hookimpl
from p2lbench.inits.base import Init
from p2lbench.losses.base import Loss, protocol
from p2lbench.optimizers.base import AskTell, Optimizer
from p2lbench.problem import Problem, Result
from p2lbench.space import Role, Space, Variable
from p2lbench.transforms.base import Transform

__all__ = [
    "AskTell",
    "Budget",
    "BudgetSpent",
    "Generator",
    "Init",
    "Loss",
    "ObjectStats",
    "Optimizer",
    "Problem",
    "Register",
    "Result",
    "Role",
    "Skip",
    "Space",
    "StageOver",
    "Transform",
    "UserError",
    "Variable",
    "hookimpl",
    "protocol",
]
