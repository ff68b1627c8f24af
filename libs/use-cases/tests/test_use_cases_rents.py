"""The regression of the tests keeps the contract of use cases."""

import pytest
from rents import RentsUseCase

from use_cases import UseCase
from use_cases.testing import UseCaseContract


class TestRents(UseCaseContract):
    """A use case that predicts a number."""

    @pytest.fixture
    def case(self) -> UseCase:
        return RentsUseCase()
