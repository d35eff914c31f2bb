"""Makes the tables of docs/api/: operations, fields, values and error codes."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from functions.api import handler, openapi
from tests.docs.codes import statuses
from tests.docs.descriptions import descriptions
from tests.docs.pages import Tables, places
from tidemark.domain.limits import MAX_SAFE_INTEGER

MEANINGS = Path(__file__).with_name("errors.toml")
REFERENCE = "#/components/schemas/"
PREFIX = "/api/v2"
TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
PATTERNS = {"^#[0-9a-f]{6}$": "`#rrggbb`"}
"""Patterns that a reader takes in at once; those of names and digests are explained in the text."""
RULES = re.compile(r" \(R\d+(?:[-,] ?R\d+)*\)")
"""References to the requirements, which users do not have."""

Schema = Mapping[str, Any]


def tables() -> Tables:
    """Returns how each kind of table is made."""
    api = _Api(openapi.describe(handler.app))
    return {
        "operations": api.operations,
        "body": api.body,
        "fields": api.fields,
        "shared": api.shared,
        "types": api.types,
        "values": api.values,
        "requests": request_codes,
        "rows": row_codes,
    }


class _Api:
    """The API's own description."""

    def __init__(self, document: Schema) -> None:
        self._schemas: Mapping[str, Schema] = document["components"]["schemas"]
        self._places = places()
        self._operations = {
            operation["operationId"]: (method, path.removeprefix(PREFIX), operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }

    def operations(self, *names: str) -> str:
        """Returns a table of operations, named by their ids."""
        return _table(("request", "role", "what it does", "query"), (self._operation(name) for name in names))

    def _operation(self, name: str) -> list[str]:
        method, path, operation = self._operations[name]
        query = [f"`{given['name']}`" for given in operation.get("parameters", []) if given["in"] == "query"]
        role = f"`{operation['x-role']}`" if "x-role" in operation else "none"
        return [f"`{method.upper()} {path}`", role, operation["summary"], ", ".join(query)]

    def body(self, model: str) -> str:
        """Returns a table of the fields of a model that requests carry; `*` marks those that are required."""
        return self._fields([self._field(model, name, in_request=True) for name in self._properties(model)])

    def fields(self, model: str) -> str:
        """Returns a table of the fields of a model that responses carry."""
        return self._fields([self._field(model, name, in_request=False) for name in self._properties(model)])

    def shared(self, model: str, field: str) -> str:
        """Returns a table of the fields that most types of a list's items have, in that field of the model."""
        members = self._members(model, field)
        rows = []
        for name in self._common(members):
            having = [member for member in members.values() if name in self._properties(member)]
            row = self._field(having[0], name, in_request=True)
            row[2] = ", ".join(filter(None, [row[2], *self._exceptions(members, name)]))
            rows.append(row if name != "type" else [row[0], "text", "see below", row[3]])
        return self._fields(rows)

    def types(self, model: str, field: str) -> str:
        """Returns a table of the types of a list's items, with the fields that only some of them have."""
        members = self._members(model, field)
        common = self._common(members)
        rows = []
        for kind, member in members.items():
            rows.append([f"`{kind}`", "", "", "", _clean(self._schemas[member].get("description", ""))])
            own = [name for name in self._properties(member) if name not in common]
            rows += [["", *self._field(member, name, in_request=True)] for name in own]
        return self._fields(rows, ("type",))

    def values(self, enum: str) -> str:
        """Returns a table of the values of an enumeration."""
        documented = descriptions(enum)
        return _table(
            ("value", "meaning"), ([f"`{value}`", _clean(documented.get(value, ""))] for value in self._enum(enum))
        )

    def _fields(self, rows: list[list[str]], before: tuple[str, ...] = ()) -> str:
        columns = (*before, "field", "type", "limits", "description")
        used = [n for n, column in enumerate(columns) if column == "field" or any(row[n] for row in rows)]
        return _table([columns[n] for n in used], ([row[n] for n in used] for row in rows))

    def _field(self, model: str, name: str, *, in_request: bool) -> list[str]:
        schema = self._schemas[model]["properties"][name]
        star = " *" if in_request and name in self._schemas[model].get("required", []) else ""
        described = schema.get("description") or descriptions(model).get(name, "")
        kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
        null = " or null" if not in_request and len(kinds) < len(schema.get("anyOf", kinds)) else ""
        limits = self._limits(kinds[0]) if in_request else []
        if in_request and (default := schema.get("default")) not in (None, "", [], {}):
            limits.append(f"default `{default}`")
        return [f"`{name}`{star}", " or ".join(map(self._type, kinds)) + null, ", ".join(limits), _clean(described)]

    def _type(self, schema: Schema) -> str:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(REFERENCE)
            return _listed(self._enum(name)) if "enum" in self._schemas[name] else self._linked(name)
        if "const" in schema or "enum" in schema:
            return _listed(schema.get("enum") or [schema["const"]])
        if schema.get("format") == "date-time":
            return "time"
        match schema.get("type"):
            case "array":
                return self._list_type(schema)
            case "object":
                values = schema.get("additionalProperties")
                return f"object of {self._type(values)}" if isinstance(values, dict) and "$ref" in values else "object"
            case kind:
                return TYPES.get(kind or "", "any value")

    def _list_type(self, schema: Schema) -> str:
        if "prefixItems" in schema:
            first, *_ = items = schema["prefixItems"]
            return f"list of {len(items)} {_plural(self._type(first))}"
        items = schema["items"]
        if "oneOf" in items:
            return "list, see below"
        return f"list of {_plural(self._type(items))}"

    def _limits(self, schema: Schema) -> list[str]:
        found = []
        if schema.get("pattern") in PATTERNS:
            found.append(PATTERNS[schema["pattern"]])
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is not None and low != -MAX_SAFE_INTEGER:
            found.append(f"from {low:,.0f}")
        if high is not None and high != MAX_SAFE_INTEGER:
            found.append(f"{'' if found else 'up '}to {high:,.0f}")
        if schema.get("type") == "array" and "prefixItems" in schema:
            return [f"each {' '.join(inner)}" for inner in [self._limits(schema["prefixItems"][0])] if inner]
        for unit, least, most in (
            ("characters", "minLength", "maxLength"),
            ("items", "minItems", "maxItems"),
            ("fields", "minProperties", "maxProperties"),
        ):
            if most in schema and schema.get("format") != "date-time":
                lower = f"{schema[least]:,} to " if schema.get(least, 0) else "up to "
                found.append(f"{lower}{schema[most]:,} {unit}")
        if low is not None and high not in (None, MAX_SAFE_INTEGER):
            return [" ".join(found[:2]), *found[2:]]
        return found

    def _linked(self, model: str) -> str:
        """Returns a link to a model's table, or the model's fields if no page has one."""
        if model in self._places:
            return f"[{model}]({self._places[model]})"
        return f"`{{{', '.join(self._properties(model))}}}`"

    def _properties(self, model: str) -> list[str]:
        return list(self._schemas[model]["properties"])

    def _members(self, model: str, field: str) -> dict[str, str]:
        """Returns the models of a list's items, by the types that tell them apart, in the order of the code."""
        union = self._schemas[model]["properties"][field]["items"]
        names = [kind["$ref"].removeprefix(REFERENCE) for kind in union["oneOf"]]
        return {self._schemas[name]["properties"]["type"]["const"]: name for name in names}

    def _common(self, members: Mapping[str, str]) -> list[str]:
        """Returns the fields that more than half of the members have."""
        count = Counter(name for member in members.values() for name in self._properties(member))
        return [name for name in count if 2 * count[name] > len(members)]

    def _exceptions(self, members: Mapping[str, str], name: str) -> Iterator[str]:
        """Yields which types lack a field that most have, and which may leave it out where the first may not."""
        having = {kind: member for kind, member in members.items() if name in self._properties(member)}
        if lacking := members.keys() - having.keys():
            yield f"not in {_listed(kind for kind in members if kind in lacking)}"
        optional = [kind for kind, member in having.items() if name not in self._schemas[member].get("required", [])]
        if 0 < len(optional) < len(having):
            yield f"optional in {_listed(optional)}"

    def _enum(self, name: str) -> list[str]:
        return list(self._schemas[name]["enum"])


def request_codes() -> str:
    """Returns the table of the codes of problem documents."""
    found, meanings = statuses(), tomllib.loads(MEANINGS.read_text(encoding="utf-8"))["requests"]
    rows = ((f"`{code}`", ", ".join(map(str, sorted(found[code]))), meanings[code]) for code in sorted(found))
    return _table(("code", "status", "what to do"), rows)


def row_codes() -> str:
    """Returns the table of the codes of rows, parameters and parts of a body."""
    meanings = tomllib.loads(MEANINGS.read_text(encoding="utf-8"))["rows"]
    return _table(("code", "meaning"), ((f"`{code}`", meaning) for code, meaning in sorted(meanings.items())))


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    header = list(columns)
    return "\n".join(_row(cells) for cells in (header, ["---"] * len(header), *rows))


def _row(cells: Iterable[str]) -> str:
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|"


def _listed(values: Iterable[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _plural(kind: str) -> str:
    if kind.startswith("list "):
        return kind.replace("list ", "lists ", 1)
    return f"{kind}s" if kind in ("text", "whole number", "number", "object", "time") else kind


def _clean(text: str) -> str:
    """Returns a description as a cell: in one line, without requirements, and with JSON's word for None."""
    return re.sub(r"\bNone\b", "`null`", RULES.sub("", " ".join(text.split()))).replace("|", "\\|")
