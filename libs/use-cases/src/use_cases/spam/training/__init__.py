"""The training half of spam."""

from use_cases.spam.training.use_case import SpamTraining

__all__ = ["SpamTraining"]
