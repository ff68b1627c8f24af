"""Candidates that suit any table or text, ready to train and to export."""

from use_cases.stock.candidates import candidates

__all__ = ["candidates"]
