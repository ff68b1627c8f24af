"""Ground truth for one prediction, as a row of the labels."""

from datetime import datetime

from platform_core.contracts.base import Contract


class PredictionLabel(Contract):
    """The true label of a prediction: a class, or a number for regression.

    `known_at` is when it became known, `received_at` when the platform received it (UTC);
    `said_by` names the API key that sent it. Of several labels of a prediction the one that became
    known last counts; the others are its history.
    """

    prediction_id: str
    use_case: str
    label: str | float
    known_at: datetime
    said_by: str
    received_at: datetime
