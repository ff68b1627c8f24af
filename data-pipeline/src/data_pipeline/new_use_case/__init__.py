"""Write the package of a use case from labelled data."""

from data_pipeline.new_use_case.plan import Plan, make_plan
from data_pipeline.new_use_case.table import read_table
from data_pipeline.new_use_case.write import write_package

__all__ = ["Plan", "make_plan", "read_table", "write_package"]
