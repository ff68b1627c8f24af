"""What a release must reach on held-out rows, as a list of gates."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from platform_core.contracts.tasks import ERROR_METRICS, Metric

Underpowered = Literal["pass", "refuse"]
"""What a gate does if its rows cannot tell."""

_TEXT = re.compile(
    r"\s*(?P<metric>\w+)\s*(?P<sign>>=|<=|≥|≤)\s*(?P<limit>[-+.\deE]+)"
    r"(?:\s+where\s+(?P<kind>[^=]+?)\s*=\s*(?P<name>.+?))?\s*"
)
_AT_LEAST, _AT_MOST = ">=", "<="


@dataclass(frozen=True)
class Gate:
    """A metric and its limit on the test split: a minimum, for an error metric a maximum.

    `slice` is `<kind>=<name>` of one slice of the use case (`TrainingUseCase.slices`); `None`
    stands for all rows.
    """

    metric: Metric
    limit: float
    slice: str | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown metric and a slice without kind or name."""
        if self.metric not in get_args(Metric):
            raise ValueError(
                f"a gate asks for the metric {self.metric!r}; use one of "
                f"{', '.join(get_args(Metric))}"
            )
        if self.slice is not None and not all(self.slice_of):
            raise ValueError(f"the slice {self.slice!r} of a gate is not <kind>=<name>")

    @classmethod
    def parse(cls, text: str) -> Gate:
        """Read `accuracy >= 0.75`, `rmse <= 12` or `recall >= 0.6 where contract = monthly`.

        Raises:
            ValueError: the text is none of these, or the sign is not the one of the metric.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError(
                f"the gate {text!r} cannot be read; write `accuracy >= 0.75` or "
                "`recall >= 0.6 where contract = monthly`"
            )
        kind, name = found["kind"], found["name"]
        slice_ = None if kind is None else f"{kind.strip()}={name}"
        gate = cls(cast("Metric", found["metric"]), _limit(text, found["limit"]), slice_)
        if found["sign"].replace("≥", _AT_LEAST).replace("≤", _AT_MOST) != gate.sign:
            raise ValueError(
                f"the gate {text!r} has the wrong direction: {gate.metric} is better when it is "
                f"{'lower' if gate.is_maximum else 'higher'}; write {gate}"
            )
        return gate

    def __str__(self) -> str:
        where = ""
        if self.slice is not None:
            where = " where {} = {}".format(*self.slice_of)
        return f"{self.metric} {self.sign} {self.limit:g}{where}"

    @property
    def is_maximum(self) -> bool:
        """Whether the metric may be at most the limit."""
        return self.metric in ERROR_METRICS

    @property
    def sign(self) -> str:
        """`<=` for a maximum, `>=` for a minimum."""
        return _AT_MOST if self.is_maximum else _AT_LEAST

    @property
    def slice_of(self) -> tuple[str, str]:
        """The kind and the name of the slice, without blanks around them."""
        kind, _, name = (self.slice or "").partition("=")
        return kind.strip(), name.strip()

    def passed_by(self, value: float, tolerance: float = 0.0) -> bool:
        """Return whether `value` reaches the limit, up to `tolerance`; NaN never does."""
        if self.is_maximum:
            return value <= self.limit + tolerance
        return value >= self.limit - tolerance


@dataclass(frozen=True, init=False)
class Gates:
    """What a release must reach on held-out rows before it may be served.

    `minimums` are gates, or texts that `Gate.parse` reads. On the use case's metric a candidate
    may be worse than production by at most `margin`, in units of the metric. The answers of the
    ONNX graph may differ from the original's by `parity`; for regression the difference is divided
    by the larger of 1 and the original's answer.

    Few rows may not tell whether a gate is reached. `underpowered` says what happens then: `pass`
    judges by the estimate alone, with a warning; `refuse` refuses the release.
    """

    minimums: tuple[Gate, ...]
    margin: float
    parity: float
    underpowered: Underpowered

    def __init__(
        self,
        minimums: Sequence[Gate | str],
        margin: float,
        parity: float = 1e-5,
        underpowered: Underpowered = "pass",
    ) -> None:
        """Take gates, or their texts.

        Raises:
            ValueError: there is none, or a text is not one.
        """
        read = tuple(Gate.parse(one) if isinstance(one, str) else one for one in minimums)
        if not read:
            raise ValueError("a use case needs at least one gate, for example `accuracy >= 0.75`")
        if underpowered not in get_args(Underpowered):
            raise ValueError(f'underpowered={underpowered!r} is neither "pass" nor "refuse"')
        object.__setattr__(self, "minimums", read)
        object.__setattr__(self, "margin", margin)
        object.__setattr__(self, "parity", parity)
        object.__setattr__(self, "underpowered", underpowered)


def _limit(text: str, given: str) -> float:
    try:
        limit = float(given)
    except ValueError as error:
        raise ValueError(f"the limit {given!r} of the gate {text!r} is not a number") from error
    if not math.isfinite(limit):
        raise ValueError(f"the limit {given!r} of the gate {text!r} is not a finite number")
    return limit
