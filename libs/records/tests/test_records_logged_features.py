"""The numbers of logged answers."""

import numpy as np
import pyarrow as pa

from records import logged_block
from use_cases import use_case


def test_logged_numbers_of_other_versions_or_none_are_not_there():
    iris = use_case("iris")
    logged = pa.array([[1, 2, 3, 4], None, [1, 2], [1, None, 3, 4]], pa.list_(pa.float32()))
    values, present = logged_block(iris, logged)
    assert present.sum(axis=1).tolist() == [4, 0, 0, 3]
    np.testing.assert_array_equal(values[0], [1, 2, 3, 4])
    assert np.isnan(values[~present]).all()
    values, present = logged_block(iris, pa.chunked_array([logged.slice(1)]).slice(2))
    assert present.tolist() == [[True, False, True, True]]
