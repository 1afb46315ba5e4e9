"""Several workers of one server, their metrics added up."""

from __future__ import annotations

from tests.gateway.live import Gateway, wait_until


def test_metrics_are_those_of_all_workers(world, tmp_path):
    folder = tmp_path / "metrics"
    folder.mkdir()
    with Gateway.running(tmp_path, WEB_CONCURRENCY="2", PROMETHEUS_MULTIPROC_DIR=str(folder)) as several:
        for _ in range(12):
            several.request("GET", "/v1/models", authorization="Bearer tg-nobody")
        # Whichever worker answers, it counts the requests of both.
        for _ in range(6):
            metrics = several.request("GET", "/metrics").body.decode()
            assert "tollgate_unauthenticated_total 12.0" in metrics
        wait_until(lambda: "tollgate_in_flight_requests 0.0" in several.request("GET", "/metrics").body.decode())
