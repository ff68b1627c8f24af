from collections.abc import Mapping
from typing import Any

from use_cases.blocks import DeclaredUseCase, Label, Text

CATEGORIES = ("Social Media", "Promotions", "Forum", "Spam", "Verify Code", "Updates")


class EmailCategoriesUseCase(DeclaredUseCase):
    """Categories of e-mail."""

    name, metric, gates = "email_categories", "f1_macro", ("f1_macro >= 0.75", "accuracy >= 0.75")
    label = Label("label", *CATEGORIES, also={str(n): c for n, c in enumerate(CATEGORIES, 1)})
    fields = (Text("email_text"),)
    models = ("sgd", "logistic_regression", "random_forest")
    expects_every_class = True

    def answer(self, probabilities: Mapping[str, float], prediction: str) -> dict[str, Any]:
        """Return the number of the category, from 1, and its name."""
        del probabilities
        return {"predicted_label": CATEGORIES.index(prediction) + 1, "label": prediction}

    def details(self, row: Mapping[str, Any], candidate: str | None) -> dict[str, Any]:
        """Return the characters of the text, and the kind of model that answered."""
        return {"input_length": len(row["email_text"]), "model_used": candidate}
