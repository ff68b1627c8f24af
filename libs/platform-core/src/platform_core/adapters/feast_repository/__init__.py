"""How the adapters for Feast open its repository; Feast's names go no further than here."""
