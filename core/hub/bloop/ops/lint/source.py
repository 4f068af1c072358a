"""What a plugin's source says, read without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_URL = re.compile(r"\b(https?|wss?)://([A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z]{2,})(?=[:/?#\s\"']|$)")


@dataclass(frozen=True)
class Source:
    """One Python file, parsed; ``fault`` says why it could not be."""

    path: Path
    tree: ast.Module
    fault: str | None = None

    @cached_property
    def imports(self) -> list[tuple[str, int]]:
        """The module of each absolute import, with its line, wherever it stands."""
        return list(_imports(ast.walk(self.tree)))

    @cached_property
    def top_imports(self) -> list[tuple[str, int]]:
        """Those that run when the module is imported."""
        return list(_imports(_run_on_import(self.tree.body)))

    @cached_property
    def hosts(self) -> list[tuple[str, int]]:
        """Hosts of the URLs in its texts, docstrings and descriptions aside.

        ``http:`` is how namespaces are called; it counts where the module sends requests.
        """
        skipped, sends = _docstrings(self.tree), self.sends
        return [
            (host.lower(), node.lineno)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skipped
            for scheme, host in _URL.findall(node.value)
            if scheme != "http" or sends
        ]

    @cached_property
    def sends(self) -> bool:
        """Whether it uses the hub's client."""
        return any(
            (isinstance(node, ast.Attribute) and node.attr == "http")
            or (isinstance(node, ast.Name) and node.id in {"Request", "HttpClient"})
            for node in ast.walk(self.tree)
        )

    @cached_property
    def topics(self) -> list[tuple[str, int]]:
        """The topics that ``unit.emit`` is called with, where they are written out."""
        return list(self._said("emit"))

    @cached_property
    def capabilities(self) -> list[tuple[str, int]]:
        """Those that ``ctx.providers`` is asked for, where they are written out."""
        return [*self._said("get", of="providers"), *self._said("offers", of="providers")]

    def _said(self, method: str, of: str | None = None) -> Iterator[tuple[str, int]]:
        """The texts that a method is called with first, ``of`` an attribute of that name."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=owner, attr=attr),
                    args=[ast.Constant(value=str(said)), *_],
                ) if attr == method and of in {None, getattr(owner, "attr", None)}:
                    yield said, node.lineno

    @cached_property
    def undocumented(self) -> list[tuple[str, int]]:
        """Public classes and functions of the module without a docstring."""
        return [
            (node.name, node.lineno)
            for node in self.tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and not node.name.startswith("_")
            and ast.get_docstring(node) is None
        ]


def read(path: Path) -> Source:
    """Parse a file; one that is no Python is an empty one with a fault."""
    try:
        return Source(path, ast.parse(path.read_bytes()))
    except (OSError, SyntaxError, ValueError) as err:
        return Source(path, ast.Module([], []), str(err))


def _imports(nodes: Iterator[ast.AST]) -> Iterator[tuple[str, int]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node.lineno


def _run_on_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _run_on_import(node.orelse)
            continue
        yield node
        for name in ("body", "orelse", "finalbody"):
            yield from _run_on_import(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            yield from _run_on_import(handler.body)


def _docstrings(tree: ast.Module) -> set[int]:
    """Bare texts, which nothing uses, and texts of keyword arguments that explain."""
    found = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return found | {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in {"description", "cure", "help"}
    }
