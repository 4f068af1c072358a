"""Lint of plugins: rules over what a plugin says, what its source holds and what its import does.

A rule is a small function with a stable code; its docstring is its documentation. Nothing of a
plugin runs in this process: it is imported in one of its own, which is traced (``probe``).
"""

from __future__ import annotations

from bloop.ops.lint import declared, imports, manifest, names, package
from bloop.ops.lint.model import RULES, Fault, Finding, Rule, Severity
from bloop.ops.lint.subject import Subject, find_subjects

__all__ = ["RULES", "Finding", "Rule", "Severity", "Subject", "find_subjects", "lint"]

RULE_MODULES = (manifest, names, declared, imports, package)
"""In the order in which their rules run and are documented."""


def lint(subject: Subject) -> list[Finding]:
    """Everything that the rules find in one plugin, the worst first."""
    found = [_finding(rule, fault) for rule in RULES.values() for fault in rule.check(subject)]
    return sorted(set(found), key=lambda one: (one.severity.rank, one.code, one.file, one.line))


def _finding(rule: Rule, fault: Fault) -> Finding:
    return Finding(
        rule.code, rule.severity, fault.message, fault.cure, fault.file or "", fault.line
    )
