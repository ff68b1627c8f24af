"""The results of the last drill as Prometheus metrics."""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily

from platform_core.contracts.drill_report import DrillReport, LinkStatus


def drill_gauges(report: DrillReport | None) -> Iterable[GaugeMetricFamily]:
    """Return the outcome of each link; no samples without a drill."""
    status = GaugeMetricFamily(
        "gateway_drill_link_status",
        "1 for the outcome of a link of the last drill.",
        labels=["link", "status"],
    )
    seconds = GaugeMetricFamily(
        "gateway_drill_link_seconds",
        "Time that a link of the last drill took, or until the drill gave up.",
        labels=["link"],
    )
    end = GaugeMetricFamily(
        "gateway_drill_end_seconds", "Unix time the last drill ended.", labels=[]
    )
    if report is not None:
        end.add_metric([], report.ended.timestamp())
        for one in report.links:
            for known in LinkStatus:
                status.add_metric([one.link, known], float(known is one.status))
            if one.seconds is not None:
                seconds.add_metric([one.link], one.seconds)
    return status, seconds, end
