from use_cases.blocks import Cleaning, DeclaredUseCase, Label, Text

SPELLINGS = {"0": "negative", "neg": "negative", "1": "positive", "pos": "positive"}


class SentimentUseCase(DeclaredUseCase):
    """Sentiment of an English text."""

    name, gates = "sentiment", ("accuracy >= 0.8",)
    label = Label("label", "negative", "positive", also=SPELLINGS)
    fields = (Text("text", cleaning=Cleaning(urls=True, punctuation=True)),)
