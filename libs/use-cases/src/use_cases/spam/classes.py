"""What serving and training of spam share: the classes and the sender's features."""

from use_cases.interface import EntityFeature, EntityFeatures

HAM, SPAM = CLASSES = ("ham", "spam")
SENDER_DOMAIN = EntityFeatures(
    name="sender_domain_stats",
    entity="sender_domain",
    features=(
        EntityFeature("sender_domain_messages", unknown=0.0),
        EntityFeature("sender_domain_spam_rate", unknown=0.5),
    ),
    # Well above one half: the model must not need to know the sender, and on mail of other
    # sources, where it knows none, it must not be biased by having known most.
    unknown_share=0.8,
    columns=("sender",),
)
