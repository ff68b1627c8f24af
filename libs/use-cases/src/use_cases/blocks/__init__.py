"""Building blocks: a use case as a declaration of its columns and its label."""

from use_cases.blocks.block import Block
from use_cases.blocks.category import Category
from use_cases.blocks.cleaning import Cleaning
from use_cases.blocks.date import Date
from use_cases.blocks.label import Label
from use_cases.blocks.number import Number
from use_cases.blocks.text import Id, Text
from use_cases.blocks.use_case import DeclaredUseCase

__all__ = [
    "Block",
    "Category",
    "Cleaning",
    "Date",
    "DeclaredUseCase",
    "Id",
    "Label",
    "Number",
    "Text",
]
