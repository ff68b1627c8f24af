"""Baseline: the reference distributions of the exported model's answers.

The test part is looked up and scored as serving will do it. Its features for training are joined
as of each record's own time, while a caller gets an entity's latest values: a baseline of the
former would call that difference drift.
"""

import pyarrow as pa

from baseline import baseline_bytes, build_baseline
from data_pipeline import TEST
from data_pipeline.stored import read_part
from platform_core.errors import UpstreamUnavailable
from scoring import EntityLookup, decide, feature_views
from training.bootstrap import Platform
from training.exported import decision, load_graph
from training.run_folder import BASELINE, RunFolder
from use_cases import UseCase, assemble, use_case


def run(platform: Platform, run: RunFolder, dataset_version: str, feature_view_version: str) -> int:
    """Write the baseline of the exported model's answers to the test part; return its rows.

    Raises:
        UpstreamUnavailable: the online store does not answer.
    """
    case = use_case(run.use_case)
    records = read_part(platform.store, case, dataset_version, TEST)
    features = _as_served(platform, case, records, feature_view_version)
    answers = load_graph(run, case).probabilities(features)
    predictions = decide(decision(run), case.classes, answers)
    run.write(BASELINE, baseline_bytes(build_baseline(case, features, answers, predictions)))
    return records.num_rows


def _as_served(
    platform: Platform, case: UseCase, records: pa.RecordBatch, version: str
) -> pa.RecordBatch:
    views = feature_views(case, version or None)
    if not views:
        return assemble(case, records)
    lookup = EntityLookup(views, platform.online_store, platform.clock)
    entities = lookup.read(case.entity_keys(records))
    if entities is None:
        raise UpstreamUnavailable(
            f"the online store cannot answer for {views[0].name}: the baseline needs the values "
            "that serving will see; see FEAST_ONLINE_PATH, REDIS_URL and `make logs`"
        )
    return assemble(case, records, entities)
