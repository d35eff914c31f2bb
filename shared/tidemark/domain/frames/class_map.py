"""The class map of a project: the classes its labels may use, and the rules for changing it (R1, R2)."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tidemark.domain.errors import Conflict, InvalidRequest, TooLarge
from tidemark.domain.frames.fields import Index, Name
from tidemark.domain.limits import MAX_CLASS_MAP_BYTES, MAX_CLASSES

Color = Annotated[str, Field(strict=True, pattern=r"^#[0-9a-f]{6}$")]
"""A colour: red, green and blue in lower-case hexadecimal, such as `#1f77b4`."""

PALETTE = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#66ccee",
    "#aa3377",
    "#ee7733",
    "#0077bb",
    "#009988",
    "#882255",
    "#999933",
    "#bbbbbb",
)
"""Default colours of classes, by position in the class map. After the last colour, the first is used again."""


class ClassInput(BaseModel):
    """A class in a request. By default, the class's id is its position in the map, and its colour comes from the
    palette."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    id: Index | None = None
    color: Color | None = None


class ClassEntry(BaseModel):
    """A class of a project. The class's name, id and position never change, but its colour may (R2)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    id: Index
    color: Color


class ClassMap(BaseModel):
    """The classes of a project, in order. A class map can only be replaced by one that keeps all classes of the old
    map."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: tuple[ClassEntry, ...] = ()

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of all classes in the map, for lookup."""
        return frozenset(entry.name for entry in self.classes)

    def append(self, added: Sequence[ClassInput]) -> "ClassMap":
        """Returns this map with the classes `added` at its end.

        Raises InvalidRequest if a name or an id occurs twice, and TooLarge above `MAX_CLASSES` or
        `MAX_CLASS_MAP_BYTES`.
        """
        if len(self.classes) + len(added) > MAX_CLASSES:
            raise TooLarge(
                f"A class map can have at most {MAX_CLASSES:,} classes.", code="too_many_classes", pointer="/classes"
            )
        entries = list(self.classes)
        names = {entry.name for entry in entries}
        ids = {entry.id for entry in entries}
        for given in added:
            position = len(entries)
            entry = _entry(given, position)
            pointer = f"/classes/{position}"
            if entry.name in names:
                raise InvalidRequest(
                    f"The class '{entry.name}' is in the map twice.", code="duplicate_class", pointer=f"{pointer}/name"
                )
            if entry.id in ids:
                raise InvalidRequest(
                    f"The class '{entry.name}' cannot have the id {entry.id}, which another class has. "
                    "By default, the id of a class is its position in the map.",
                    code="duplicate_class",
                    pointer=f"{pointer}/id",
                )
            entries.append(entry)
            names.add(entry.name)
            ids.add(entry.id)
        return ClassMap(classes=tuple(entries))._within_bytes()

    def _within_bytes(self) -> "ClassMap":
        size = len(self.model_dump_json().encode())
        if size > MAX_CLASS_MAP_BYTES:
            raise TooLarge(
                f"The class map takes {size:,} bytes as JSON; it can take at most {MAX_CLASS_MAP_BYTES:,}. "
                "Use shorter names.",
                pointer="/classes",
            )
        return self

    def replace(self, classes: Sequence[ClassInput]) -> "ClassMap":
        """Returns the map with `classes` as its complete list: all current classes, possibly with other colours, then
        new classes.

        A class given without an id or a colour keeps its own. Raises Conflict if a current class is missing, renamed,
        moved or given another id (R2), and the errors of `append`.
        """
        for position, entry in enumerate(self.classes):
            given = classes[position] if position < len(classes) else None
            if given is None or given.name != entry.name or given.id not in (None, entry.id):
                raise Conflict(
                    f"The class '{entry.name}' must stay at position {position} with the id {entry.id}. Names, ids and "
                    "order of existing classes cannot change. Add new classes at the end.",
                    code="class_map_append_only",
                    pointer=f"/classes/{position}",
                )
        present = tuple(
            entry if given.color is None else ClassEntry(name=entry.name, id=entry.id, color=given.color)
            for entry, given in zip(self.classes, classes, strict=False)
        )
        return ClassMap(classes=present).append(classes[len(present) :])


def _entry(given: ClassInput, position: int) -> ClassEntry:
    return ClassEntry(
        name=given.name,
        id=position if given.id is None else given.id,
        color=given.color or PALETTE[position % len(PALETTE)],
    )
