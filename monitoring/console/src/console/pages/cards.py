"""The model card as pages show it: what is missing or unreadable is unknown."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlplatform_client.models.releases import ReleaseCard


class CardPart(BaseModel):
    """A part of a card; a later card may have more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class MeasuredValue(CardPart):
    """A metric with its 95 % interval."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class MeasuredSlice(CardPart):
    """The metrics of a part of the test rows."""

    kind: str
    name: str
    rows: int | None = None
    metrics: dict[str, MeasuredValue] = Field(default_factory=dict)


class CardData(CardPart):
    """The dataset version of a release."""

    rows: int | None = None
    test_rows: int | None = None
    classes: dict[str, int] = Field(default_factory=dict)
    split: str = ""
    split_why: str = ""
    warnings: list[str] | None = None


class ShownCard(CardPart):
    """A model card; empty where the release has none."""

    metric: str = ""
    metrics: dict[str, MeasuredValue] = Field(default_factory=dict)
    classes: list[str] = Field(default_factory=list)
    decision_why: str = ""
    slices: list[MeasuredSlice] = Field(default_factory=list)
    data: CardData | None = None
    trials: list[Any] = Field(default_factory=list)
    limits: list[str] = Field(default_factory=list)
    confusion: list[list[int]] = Field(default_factory=list)
    graph_bytes: int | None = None
    fit_seconds: float | None = None


def shown_card(release: ReleaseCard | None) -> ShownCard:
    """Return the card of a release; without a readable one, the metrics of its lineage."""
    if release is None:
        return ShownCard()
    try:
        card = ShownCard.model_validate(release.card or {})
    except ValidationError:
        card = ShownCard()
    if card.metrics or not release.lineage:
        return card
    flat = release.lineage.metrics
    metrics = {
        name: MeasuredValue(value=value, low=flat.get(f"{name}_low"), high=flat.get(f"{name}_high"))
        for name, value in flat.items()
        if not name.endswith(("_low", "_high"))
    }
    return card.model_copy(update={"metrics": metrics})
