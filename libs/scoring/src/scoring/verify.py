"""Does a release fit the installed code? Answered without loading its graph."""

import math

from platform_core.contracts.release import IntervalRule, ReleaseManifest
from platform_core.contracts.tasks import Task
from platform_core.errors import ReleaseRefused
from platform_core.open_inference import tensor_specs
from scoring.release import golden, model_file, output_specs
from use_cases import UseCase, model_schema

RELATIVE_TOLERANCE = 1e-6
# Features are float32; below this size a difference is noise.
ABSOLUTE_TOLERANCE = 1e-9


def verify(manifest: ReleaseManifest, use_case: UseCase) -> None:
    """Check that the installed code computes what the release was built with.

    Raises:
        ReleaseRefused: the schemas, classes, decision rule or feature views differ from the
            use case's, or a golden record's features come out differently.
    """
    _check_contract(manifest, use_case)
    _check_golden(manifest, use_case)


def _check_contract(manifest: ReleaseManifest, use_case: UseCase) -> None:
    checks = {
        "use case": manifest.use_case == use_case.name,
        "record schema": manifest.inputs == tensor_specs(use_case.record_schema),
        "outputs": manifest.outputs == output_specs(use_case),
        "feature schema": manifest.features == model_schema(use_case).spec,
        "task": manifest.task == use_case.task,
        "classes": manifest.classes == tuple(use_case.classes),
        "feature views": _views_fit(manifest, use_case),
        "decision rule": _rule_fits(manifest),
        "files": model_file(use_case.name) in manifest.files,
    }
    wrong = [name for name, fits in checks.items() if not fits]
    if wrong:
        raise ReleaseRefused(
            f"the release does not fit the installed use case {use_case.name!r}: "
            f"{', '.join(wrong)} differ; train a new release with the installed code"
        )


def _views_fit(manifest: ReleaseManifest, use_case: UseCase) -> bool:
    entity = use_case.entity_features
    if entity is None or not manifest.feature_views:
        return not manifest.feature_views
    unknown = tuple(feature.unknown for feature in entity.features)
    return [(v.entity, v.features, v.unknown) for v in manifest.feature_views] == [
        (entity.entity, entity.names, unknown)
    ]


def _rule_fits(manifest: ReleaseManifest) -> bool:
    rule = manifest.decision
    if isinstance(rule, IntervalRule) or manifest.task == "regression":
        return isinstance(rule, IntervalRule) and _interval_fits(manifest.task, rule)
    if rule.kind == "argmax":
        return True
    if rule.kind == "costs":
        classes = len(manifest.classes)
        return [len(line) for line in rule.costs or ()] == [classes] * classes
    return (
        {rule.positive, rule.negative} <= set(manifest.classes)
        and rule.positive != rule.negative
        and rule.threshold is not None
        and 0 <= rule.threshold <= 1
    )


def _interval_fits(task: Task, rule: IntervalRule) -> bool:
    widths = (rule.below, rule.above)
    return (
        task == "regression"
        and 0 < rule.coverage < 1
        and all(math.isfinite(width) and width >= 0 for width in widths)
    )


def _check_golden(manifest: ReleaseManifest, use_case: UseCase) -> None:
    built, present = manifest.golden, golden(use_case)
    if built.records != present.records or len(built.features) != len(present.features):
        raise ReleaseRefused(
            "the release was built with different golden records; train a new release"
        )
    for number, (expected, computed) in enumerate(
        zip(built.features, present.features, strict=True)
    ):
        wrong = [n for n in computed if n not in expected or not _same(expected[n], computed[n])]
        if wrong:
            name = wrong[0]
            raise ReleaseRefused(
                f"the feature {name!r} of golden record {number} is {computed[name]!r:.80}, "
                f"the release was built with {expected.get(name)!r:.80}: the feature code has "
                "changed, train a new release"
            )


def _same(expected: object, computed: object) -> bool:
    if isinstance(expected, float) and isinstance(computed, float):
        return math.isclose(
            expected, computed, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE
        )
    return expected == computed
