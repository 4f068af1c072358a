r"""Where LaTeX stands in a text, and which dollars are money.

``$x^2$``, ``$$x^2$$``, ``\(x^2\)`` and ``\[x^2\]`` are formulas. ``$5 and $6`` is money: a dollar
opens a formula only where no letter or digit is before it and no blank behind it, and closes one
only where no blank is before it and no digit behind it. ``2$\times$3`` is one all the same, for its
command. ``\$`` is a dollar wherever it stands.
"""

from __future__ import annotations

import re
from typing import Final

FORMULA: Final = re.compile(
    # Possessive, and never past another opening: text that only opens must not cost its square.
    r"\$\$(?P<double>[^$]++)\$\$"
    r"|\\\((?P<inline>(?:\\\\|(?!\\[()]).)++)\\\)"
    r"|\\\[(?P<display>(?:\\\\|(?!\\[\[\]]).)++)\\\]"
    r"|(?<![\\$\w])\$(?!\s)(?P<single>(?:[^$\\\n]|\\[^\n])++)(?<!\s)\$(?![\d$])"
    r"|(?<![\\$])\$(?=[^$\n\s\d])(?=[^$\n]*\\[A-Za-z])"
    r"(?P<tight>(?:[^$\\\n]|\\[^\n])++)(?<!\s)\$(?!\$)",
    re.DOTALL,
)
"""Finds formulas in a text; a match has one group that is not None, the LaTeX."""


def latex_of(match: re.Match[str]) -> str:
    """The LaTeX in a match of :data:`FORMULA`."""
    assert match.lastgroup is not None
    return match[match.lastgroup]


def dollars(text: str) -> str:
    r"""A text without formulas as it is read: ``\$`` is a dollar."""
    return text.replace("\\$", "$")
