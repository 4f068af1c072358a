"""Formulas through LaTeX, where the machine has it: what Typst's mathematics can't take.

The programs are those of manim's MathTex, ``latex`` and ``dvisvgm``. MathTex lets a formula do what
TeX can; here one has no shell, no files but TeX's own, no specials, and ten seconds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from bloop_manim.drawing.latex import FormulaError
from bloop_manim.versions import PROGRAMS, SWITCH

EM: Final = 9.96264
"""Of the SVG: ten of TeX's points, in PostScript's."""
OPTIONAL: Final = ("mathtools", "mhchem", "cancel", "siunitx", "stmaryrd", "physics")
"""Packages that formulas of lessons use, taken where they are."""
_SECONDS: Final = 20
_LIMITED: Final = 'ulimit -t 10 && ulimit -f 16384 && exec "$@"'
_PAGE: Final = r"""\documentclass[10pt]{article}
\usepackage{amsmath,amssymb,amsfonts}
%s
\pagestyle{empty}\setlength{\parindent}{0pt}
\begin{document}
\setbox0=\hbox{%%
%s
}\shipout\box0
\end{document}
"""
_PROGRAMMING: Final = re.compile(
    r"""\\(?:(?:begin|end)\s*\{\s*)?(?:input|Input\w*|IfFileExists|type(?:in|out)|include\w*
    |usepackage|documentclass|RequirePackage|open(?:in|out)|close(?:in|out)
    |read|readline|write|immediate|special|special\w+|(?:cat|lc|uc|sf|del|math)code|active|csname
    |[egx]?def|let|futurelet|(?:re)?newcommand|providecommand|DeclareRobustCommand|newenvironment
    |renewenvironment|newcount|loop|repeat|while\w*|for(?!all(?![A-Za-z]))\w*|expandafter|noexpand
    |every\w+
    |after(?:assignment|group)|scantokens|tokenized|directlua|pdf\w+|jobname|font|global|long|outer
    |(?:batch|nonstop|scroll|errorstop)mode|message|errmessage|show\w*|meaning|string|shipout|box
    |(?:set|copy|un[hv]|[hv])box|csstring|makeatletter|ExplSyntaxOn|AtBegin\w+|AtEnd\w+|endinput
    |document|filecontents|verbatim|lrbox|tikz)
    (?![A-Za-z])|\^\^|[$#\x00-\x08\x0e-\x1f]|@
    # An environment is a command by its name, which may be put together from others.
    |\\(?:begin|end)(?!\s*\{[A-Za-z]+\*?\})""",
    re.VERBOSE,
)


@cache
def present() -> bool:
    """Whether LaTeX is here, wanted, and sets a formula; looked at once."""
    if not os.environ.get(SWITCH) or not all(shutil.which(one) for one in PROGRAMS):
        return False
    try:
        drawn("$x$")
    except FormulaError:
        return False
    return True


def drawn(body: str) -> ET.Element:
    """The SVG of a horizontal list; raises :class:`FormulaError` where LaTeX does not take it."""
    packages = "\n".join(
        rf"\IfFileExists{{{one}.sty}}{{\usepackage{{{one}}}}}{{}}" for one in OPTIONAL
    )
    with tempfile.TemporaryDirectory(prefix="bloop-latex-") as name:
        folder = Path(name)
        (folder / "a.tex").write_text(_PAGE % (packages, body), "utf-8")
        _run(folder, "latex", "-no-shell-escape", "-interaction=batchmode", "-halt-on-error",
             "a.tex")  # fmt: skip
        _run(folder, "dvisvgm", "--no-fonts", "--no-specials", "--exact-bbox", "--verbosity=0",
             "-o", "a.svg", "a.dvi")  # fmt: skip
        # Written by dvisvgm from what TeX has set.
        return ET.fromstring((folder / "a.svg").read_bytes())  # noqa: S314 # nosec B314


def safe(latex: str) -> str:
    """The formula, if it is one and no program; raises :class:`FormulaError`."""
    found = _PROGRAMMING.search(latex)
    if found:
        raise FormulaError(f"{found[0]} in a formula", found.start())
    # An empty line would end it.
    return re.sub(r"\n\s*\n", "\n", latex.strip())


def _run(folder: Path, *command: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - see above
            ["/bin/sh", "-c", _LIMITED, "sh", *command],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise FormulaError(f"{command[0]}: {err}", 0) from err
    if done.returncode:
        raise FormulaError(f"LaTeX: {_reason(folder / 'a.log')}", 0)


def _reason(log: Path) -> str:
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    return next((line[2:].strip(". ") for line in lines if line.startswith("! ")), "it failed")


def _environment(folder: Path) -> dict[str, str]:
    own = dict.fromkeys(("HOME", "TEXMFHOME", "TEXMFVAR", "TEXMFCONFIG", "TMPDIR"), str(folder))
    return {
        **own,
        "PATH": os.environ.get("PATH", os.defpath),
        # kpathsea's word for: nothing outside the folder and TeX's own trees.
        "openin_any": "p",
        "openout_any": "p",
        "shell_escape": "f",
        "MKTEXPK": "0",
        "MKTEXTFM": "0",
    }
