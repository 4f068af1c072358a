"""The grammar of plots: arithmetic over ``x``, parsed here and never evaluated as code.

``2x`` is not taken for ``2*x``. Known are ``+ - * / ^`` (also ``**``), parentheses, ``|x|`` as
``abs(x)``, the constants ``pi e tau`` and the functions of :data:`FUNCTIONS`.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass

FUNCTIONS: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "acos": math.acos,
    "asin": math.asin,
    "atan": math.atan,
    "ceil": math.ceil,
    "cos": math.cos,
    "cosh": math.cosh,
    "exp": math.exp,
    "floor": math.floor,
    "ln": math.log,
    "log": math.log10,
    "sign": lambda x: math.copysign(1.0, x) if x else 0.0,
    "sin": math.sin,
    "sinh": math.sinh,
    "sqrt": math.sqrt,
    "tan": math.tan,
    "tanh": math.tanh,
}
"""What may be called, each of one number."""

CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
LONGEST, DEEPEST = 120, 20

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,
}

Evaluate = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Expression:
    """A function of ``x``."""

    text: str
    _evaluate: Evaluate

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Raises ValueError, which says what is not known."""
        if len(text) > LONGEST:
            raise ValueError(f"longer than {LONGEST} characters")
        try:
            tree = ast.parse(text.strip().replace("^", "**"), mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as err:
            raise ValueError(f"{text!r} is no expression over x, such as 2*sin(x)^2 + 1") from err
        return cls(text, _compiled(tree.body, 0))

    def at(self, x: float) -> float | None:
        """The value, or None where the function has none (or one beyond all numbers)."""
        try:
            y = float(self._evaluate(x))
        except (ArithmeticError, ValueError):
            return None
        return y if math.isfinite(y) else None


def _compiled(node: ast.expr, depth: int) -> Evaluate:
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    match node:
        case ast.Constant(value=int() | float() as value) if type(value) is not bool:
            number = float(value)
            return lambda _x: number
        case ast.Name(id="x"):
            return lambda x: x
        case ast.Name(id=name) if name in CONSTANTS:
            constant = CONSTANTS[name]
            return lambda _x: constant
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            inner = _compiled(operand, depth + 1)
            return (lambda x: -inner(x)) if isinstance(sign, ast.USub) else inner
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            combine = _BINARY[type(op)]
            first, second = _compiled(left, depth + 1), _compiled(right, depth + 1)
            return lambda x: combine(first(x), second(x))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            function, inside = FUNCTIONS[name], _compiled(argument, depth + 1)
            return lambda x: function(inside(x))
    raise ValueError(f"{ast.unparse(node)!r} is not known here: {', '.join(sorted(FUNCTIONS))}")
