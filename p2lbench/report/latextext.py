"""Texts and numbers as LaTeX: nothing in a name is taken for a command, and pdflatex takes it."""

from __future__ import annotations

import re
import unicodedata

from p2lbench.report.text import plain

# What means something to TeX, and signs that fonts of OT1 encoding lack. Commands of LaTeX itself.
_CHARACTERS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\symbol{34}",
    "`": "{`}",
    "'": "{'}",
    "—": "---",
    "–": "--",
    "−": "$-$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "°": r"$^\circ$",
    "·": r"$\cdot$",
    "…": r"\dots{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\to$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "⁻": r"$^{-}$",
    "¹": r"$^{1}$",
    "²": r"$^{2}$",
    "³": r"$^{3}$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "λ": r"$\lambda$",
    "σ": r"$\sigma$",
    "φ": r"$\varphi$",
}
_LAST = "ſ"  # the last letter of Latin Extended-A, as far as pdflatex goes


def latex(text: str) -> str:
    """As LaTeX text; at the start of a table's line too, where [ and * mean something."""
    text = unicodedata.normalize("NFC", plain(text))
    escaped = "".join(_CHARACTERS.get(char, char) for char in re.sub(r"-(?=-)", "-\0", text))
    escaped = escaped.replace("\0", "{}")  # two hyphens are no dash
    return "{}" + escaped if text.startswith(("[", "*")) else escaped


def needs_of(text: str) -> list[str]:
    """What LaTeX that `latex` made asks of the document beside booktabs."""
    packages = [r"\usepackage{amssymb}"] if r"\checkmark" in text else []
    if any(char > _LAST for char in text):
        return [*packages, "lualatex or xelatex with a font that has all letters of the names"]
    return packages if text.isascii() else [*packages, r"\usepackage[T1]{fontenc}"]


def number(text: str) -> str:
    """A number as `as_text` prints it: 0.35, $-$0.35, $1.2\\times10^{-5}$."""
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        return rf"${mantissa}\times10^{{{int(exponent)}}}$"
    return text.replace("-", "$-$")


def marked(text: str, place: int | None) -> str:
    """The best in bold, the second underlined; mathematics, too."""
    if place == 1:
        return rf"\textbf{{\boldmath {text}}}" if "$" in text else rf"\textbf{{{text}}}"
    return rf"\underline{{{text}}}" if place == 2 else text
