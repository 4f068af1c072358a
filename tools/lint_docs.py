"""Write docs/plugins/lint.md from the rules of `bloop plugins lint`; `--check` only compares."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from bloop.ops.lint import RULE_MODULES, RULES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "plugins" / "lint.md"
HEAD = """\
<!-- Made from the source by `make docs`; change the docstrings there. -->

# Rules of `bloop plugins lint`

```console
$ bloop plugins lint                  # every plugin that is installed
$ bloop plugins lint canvas ../mine   # by name, or by the folder of a project
```

An error keeps a plugin from working, or hides what it does from those who enable it; the command
then exits with 1. With `--strict` warnings do that, too. `--json` is for programs. Codes are
stable.

The plugin is imported in a process of its own, which is traced; one that cannot be imported, ends
the process or hangs is linted as far as that goes.
"""


def page() -> str:
    """The whole page: the rules by module."""
    parts = [HEAD]
    for module in RULE_MODULES:
        title = (module.__doc__ or "").partition("\n")[0].rstrip(".").removeprefix("Rules of ")
        parts.append(f"\n## {title[0].upper()}{title[1:]}\n")
        for rule in RULES.values():
            if rule.check.__module__ == module.__name__:
                text = inspect.cleandoc(rule.text)
                name = rule.check.__name__.replace("_", "-")
                parts.append(f"\n### {rule.code} {name}\n\n*{rule.severity}.* {text}\n")
    return "".join(parts)


def main() -> int:
    """Write the page, or say that it is stale."""
    if PAGE.exists() and PAGE.read_text("utf-8") == page():
        return 0
    if "--check" in sys.argv:
        print("docs/plugins/lint.md is stale; run make docs")
        return 1
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
