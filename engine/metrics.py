# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Figures in Prometheus' text format. Labels are ids, states and codes: no name, no address."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

PREFIX = "spp_email_gateway_"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        name: without the prefix; its unit at the end, such as "seconds".
        text: what it is.
        labels: names of the labels.
        samples: ((value of each label, as text), number).
    """

    name: str
    text: str
    labels: tuple[str, ...] = ()
    samples: tuple[tuple[tuple[str, ...], float], ...] = field(default=())


class _Collector:
    def __init__(self, metrics):
        self._metrics = metrics

    def collect(self):
        for metric in self._metrics:
            family = GaugeMetricFamily(PREFIX + metric.name, metric.text, labels=metric.labels)
            for labels, value in metric.samples:
                family.add_metric(labels, value)
            yield family


def exposition(metrics: Iterable[Metric]) -> bytes:
    """Return the text that a scraper reads, UTF-8. A registry of its own: nothing else of the process is told."""
    registry = CollectorRegistry()
    registry.register(_Collector(tuple(metrics)))
    return generate_latest(registry)
