"""OpenCV, which an extra installs."""

from __future__ import annotations

from typing import Any

from p2lbench.errors import UserError


def opencv(what: str, extra: str) -> Any:
    """The module; `what` needs it, and `extra` of p2lbench installs it.

    Raises:
        UserError: it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        message = f"{what} needs OpenCV: pip install opencv-python-headless"
        raise UserError(f"{message} (the extra `{extra}` of p2lbench)") from error
    return cv2
