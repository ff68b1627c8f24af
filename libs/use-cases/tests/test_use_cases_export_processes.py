"""The bytes of a graph must not depend on the process that writes it."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib, sys
from use_cases import assemble, default_parameters, model_schema, use_case

case = use_case(sys.argv[1])
table = case.training().generate(300, 0).combine_chunks()
batch = assemble(case, table.select(case.record_schema.names).to_batches()[0])
features = model_schema(case).frame(batch)
for candidate in case.training().candidates():
    defaults = default_parameters(candidate.space)
    labels = table[case.training().label.column].to_pylist()
    model = candidate.build(defaults, 0).fit(features, labels)
    graph = candidate.to_onnx(model).SerializeToString()
    print(candidate.name, hashlib.sha256(graph).hexdigest())
"""


def graphs(name: str, hash_seed: int) -> str:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, name],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


@pytest.mark.parametrize("name", ["spam", "iris"])
def test_every_process_writes_the_same_graph(name: str) -> None:
    # Sets of strings are ordered by a hash that differs from process to process.
    assert len({graphs(name, seed) for seed in range(2)}) == 1
