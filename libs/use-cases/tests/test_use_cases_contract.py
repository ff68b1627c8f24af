"""Every installed use case fulfils the contract."""

import pytest

from use_cases import UseCase, use_case, use_case_names
from use_cases.testing import UseCaseContract


class TestInstalledUseCases(UseCaseContract):
    @pytest.fixture(params=use_case_names())
    def case(self, request: pytest.FixtureRequest) -> UseCase:
        return use_case(request.param)
