"""The baseline of a release: the reference distributions of its answers.

The test split is looked up and scored as serving will do it. Its features for training are joined
as of each record's own time, while a caller gets an entity's latest values: a baseline of the
former would call that difference drift.
"""

import numpy as np
import pyarrow as pa

from baseline import baseline_bytes, build_baseline
from data_pipeline.columns import TEST
from data_pipeline.stored import read_part
from platform_core.contracts.release import IntervalRule, Rule
from platform_core.errors import UpstreamUnavailable
from scoring import EntityLookup, decide, feature_views
from training.search.models import load_graph
from training.steps.context import StepContext
from use_cases import UseCase, assemble


def served_baseline(
    context: StepContext,
    graph: bytes,
    decision: Rule,
    dataset_version: str,
    view_version: str | None,
) -> bytes:
    """Return the baseline (Parquet) of a graph's answers to the test split.

    Raises:
        UpstreamUnavailable: the online store does not answer.
    """
    case = context.case
    records = read_part(context.store, case, dataset_version, TEST)
    features = _as_served(context, case, records, view_version)
    answers = load_graph(case, graph).answers(features)
    if isinstance(decision, IntervalRule):
        none = np.empty((len(answers), 0), np.float32)
        return baseline_bytes(build_baseline(case, features, none, pa.array(answers)))
    predictions = decide(decision, case.classes, answers)
    return baseline_bytes(build_baseline(case, features, answers, predictions))


def _as_served(
    context: StepContext, case: UseCase, records: pa.RecordBatch, view_version: str | None
) -> pa.RecordBatch:
    views = feature_views(case, view_version)
    if not views:
        return assemble(case, records)
    lookup = EntityLookup(views, context.services.online_store, context.services.clock)
    entities = lookup.read(case.entity_keys(records).to_pylist())
    if entities is None:
        raise UpstreamUnavailable(
            f"the online store cannot answer for {views[0].name}: the baseline needs the values "
            "that serving will see; see FEAST_ONLINE_PATH, REDIS_URL and `make logs`"
        )
    return assemble(case, records, entities)
