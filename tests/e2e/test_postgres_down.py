"""PostgreSQL killed under a running gateway: tenants it knows are served, and their records wait."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from redis import Redis

from config.embedded import session
from gateway.stores import usage_record
from tests.gateway.live import ROOT, Gateway, wait_until


def test_serving_goes_on_and_records_wait(simulator, tmp_path, simulator_process):
    tmp_path.chmod(0o711)
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o711)  # as root, PostgreSQL runs as another user, who must get through
    services = session.start(tmp_path / "services", durable=False)
    try:
        urls = {
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "TOLLGATE_VAR": str(tmp_path / "var"),
        }
        environment = {**os.environ, **urls}

        def run(*command: str) -> str:
            done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return done.stdout

        run("manage.py", "migrate", "-v0")
        secret = json.loads(run("-m", "benchmarks.seed", simulator_process.base_url))["api_key"]
        body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}).encode()
        with Gateway.running(tmp_path, **urls) as alone:

            def call() -> int:
                return alone.request("POST", "/v1/chat/completions", body, authorization=f"Bearer {secret}").status

            assert call() == 200
            postgres = services.children[0]
            os.kill(postgres.pid, 9)
            wait_until(postgres.has_ended)
            assert alone.request("GET", "/readyz").json()["checks"] == {"postgresql": "unreachable", "redis": "ok"}
            assert [call() for _ in range(5)] == [200] * 5
        redis = Redis.from_url(services.redis_url)
        (stream,) = redis.keys("*:usage")
        records = [usage_record.decode(fields[b"r"]) for _, fields in redis.xrange(stream)]
        assert [record.outcome for record in records] == ["ok"] * 6
    finally:
        services.stop()
