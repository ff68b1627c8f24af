"""Spam: is an e-mail wanted?"""

from use_cases.spam.use_case import SpamUseCase

__all__ = ["SpamUseCase"]
