"""The label of a declared use case."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

TWO = 2
THIRDS = ("low", "middle", "high")


@dataclass(frozen=True, init=False)
class Label:
    """The column with the label, and its classes as the data spells them; without classes the
    label is a number.

    The second of two classes is the positive one. `also` maps further spellings to a class.
    """

    column: str
    classes: tuple[str, ...]
    also: Mapping[str, str]

    def __init__(
        self, column: str, *classes: str, also: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        object.__setattr__(self, "column", column)
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "also", also)

    @property
    def values(self) -> dict[str, str]:
        """The class of each spelling, in lower case."""
        spelled = {name.strip().lower(): name for name in self.classes}
        return spelled | {text.strip().lower(): name for text, name in self.also.items()}

    @property
    def positive(self) -> str | None:
        """The positive class: the second of two, otherwise `None`."""
        return self.classes[1] if len(self.classes) == TWO else None

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of rows in a profile: the classes, or the thirds of a number."""
        return self.classes or THIRDS

    def problems(self) -> list[str]:
        """Return the problems: too few or repeated classes, spellings of unknown classes."""
        found = []
        if len(self.classes) == 1:
            found.append(
                f"the label {self.column!r} has one class, {self.classes[0]!r}; name at least "
                "two, or none for a number"
            )
        lower = [name.strip().lower() for name in self.classes]
        twice = sorted({name for name in lower if lower.count(name) > 1})
        if twice:
            found.append(f"the label {self.column!r} has the class {twice[0]!r} twice")
        unknown = sorted(set(self.also.values()) - set(self.classes))
        if unknown:
            found.append(f"`also` of the label {self.column!r} names the class {unknown[0]!r}, "
                         f"which is not among {list(self.classes)}")  # fmt: skip
        return found
