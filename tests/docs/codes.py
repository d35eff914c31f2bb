"""Finds the error codes that the code can send, and the HTTP status of each."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from pathlib import Path

from functions.api.http.problem import MALFORMED_JSON, STATUSES
from tidemark.domain import problems
from tidemark.domain.rows.inflate import FileFault

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*(ROOT / "shared" / "tidemark").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]

CODE_AT = {
    "Problem": 0,
    "PydanticCustomError": 0,
    "HttpError": 1,
    "_core": 1,
    "_error": 1,
    "LineError": 2,
    "_outcome": 2,
}
"""Calls that take a code, and at which position."""
NEVER_SHOWN = {"contradiction"}
"""It carries other problems, which are shown in its place."""
NOT_OF_REQUESTS = {"MergeRefused"}
"""Refusals of a row, which the API never responds with."""


def codes() -> set[str]:
    """Returns every code that is written out in the code."""
    written = {text for expression in expressions() if (text := _text(expression))}
    return (written | {code for code, _ in problems._CODES_AND_SENTENCES.values()} | {*FileFault}) - NEVER_SHOWN


def composed_codes() -> set[str]:
    """Returns a pattern for each code that is put together, such as from a part's name."""
    return {
        "".join(str(part.value) if isinstance(part, ast.Constant) else "[a-z_]+" for part in expression.values)
        for expression in expressions()
        if isinstance(expression, ast.JoinedStr)
    }


def expressions() -> Iterator[ast.expr]:
    """Yields every expression that stands for an error's code."""
    for node in _nodes():
        if isinstance(node, ast.Call):
            code = _code_of(node)
            if code is not None:
                yield code
        elif isinstance(node, ast.Assign) and _assigns_code(node):
            yield node.value


def statuses() -> dict[str, set[int]]:
    """Returns the codes of problem documents, each with the HTTP statuses that it comes with."""
    kinds, defaults = _refusals()
    found: defaultdict[str, set[int]] = defaultdict(set)
    for kind, code in defaults.items():
        found[code].add(kinds[kind])
    for node in _nodes():
        name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if not isinstance(node, ast.Call) or not (text := _text(_code_of(node))):
            continue
        if name in kinds:
            found[text].add(HTTPStatus.BAD_REQUEST if text == MALFORMED_JSON else kinds[name])
        elif name in ("HttpError", "_core") and isinstance(node.args[0], ast.Attribute):
            found[text].add(HTTPStatus[node.args[0].attr])
    return {code: {int(status) for status in those} for code, those in found.items()}


def _refusals() -> tuple[dict[str, HTTPStatus], dict[str, str]]:
    """Returns the status of each class of refusals, and the code of those that have one of their own."""
    kinds = {kind.__name__: status for kind, status in STATUSES.items()}
    defaults: dict[str, str] = {}
    for node in sorted((n for n in _nodes() if isinstance(n, ast.ClassDef)), key=lambda n: n.name not in kinds):
        if node.name in NOT_OF_REQUESTS:
            continue
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in kinds:
                kinds.setdefault(node.name, kinds[base.id])
        for line in node.body:
            if node.name in kinds and isinstance(line, ast.Assign) and _assigns_code(line):
                defaults[node.name] = _text(line.value)
    return kinds, defaults


@cache
def _nodes() -> tuple[ast.AST, ...]:
    trees = (ast.parse(source.read_text(encoding="utf-8")) for source in SOURCES)
    return tuple(node for tree in trees for node in ast.walk(tree))


def _code_of(call: ast.Call) -> ast.expr | None:
    """Returns what a call gives as an error's code, if it gives one."""
    for keyword in call.keywords:
        if keyword.arg == "code":
            return keyword.value
    position = CODE_AT.get(call.func.id) if isinstance(call.func, ast.Name) else None
    return call.args[position] if position is not None and len(call.args) > position else None


def _assigns_code(line: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "code" for target in line.targets)


def _text(expression: ast.expr | None) -> str:
    return expression.value if isinstance(expression, ast.Constant) and isinstance(expression.value, str) else ""
