from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from config.embedded import process
from config.embedded.errors import EmbeddedServiceError
from config.embedded.process import Child
from config.embedded.supervisor import (
    RESTARTS_PER_MINUTE,
    Replacing,
    Stage,
    Supervisor,
    run_to_the_end,
    wait_until,
)


def test_a_restartable_child_is_started_again_after_a_growing_pause(folder: Path) -> None:
    said: list[str] = []
    supervisor, started = Supervisor(said.append), []

    def start() -> Child:
        started.append(process.start("worker", ["sh", "-c", "exit 3"], log=folder / "log"))
        return started[-1]

    supervisor.run(start, stage=Stage.BACKGROUND, stop_seconds=1, restartable=True)
    now = 1000.0
    for attempt in range(RESTARTS_PER_MINUTE):
        assert started[-1].wait(30)
        supervisor.look(now)
        supervisor.look(now + 0.49 * 2**attempt)
        assert len(started) == attempt + 1  # not yet
        now += 0.5 * 2**attempt
        supervisor.look(now)
        assert len(started) == attempt + 2
    assert said[0] == f"worker has ended (exit status 3), starting it again in 0.5 s; log: {folder / 'log'}"
    assert started[-1].wait(30)
    with pytest.raises(EmbeddedServiceError, match="worker has ended 6 times within a minute"):
        supervisor.look(now)


def test_restarts_of_more_than_a_minute_ago_are_forgotten(folder: Path) -> None:
    supervisor, started = Supervisor(lambda line: None), []

    def start() -> Child:
        started.append(process.start("worker", ["true"], log=folder / "log"))
        return started[-1]

    supervisor.run(start, stage=Stage.BACKGROUND, stop_seconds=1, restartable=True)
    for now in range(1000, 1000 + 61 * 20, 61):
        assert started[-1].wait(30)
        supervisor.look(now)
        supervisor.look(now + 1)
    assert len(started) == 21


def test_a_service_that_is_killed_ends_everything_and_shows_its_log(folder: Path) -> None:
    supervisor = Supervisor(lambda line: None)
    server = process.start("PostgreSQL", ["sh", "-c", "echo all is well; exec sleep 1000"], log=folder / "log")
    supervisor.adopt([server])
    wait_until(lambda: bool(server.tail()), server, seconds=30, what="ready")
    supervisor.look(0)
    os.kill(server.pid, signal.SIGKILL)
    assert server.wait(30)
    with pytest.raises(EmbeddedServiceError, match=r"PostgreSQL has ended unexpectedly \(signal 9\)") as caught:
        supervisor.look(0)
    assert str(caught.value).endswith("    all is well")


def test_children_are_stopped_stage_by_stage_the_front_first(folder: Path) -> None:
    supervisor, order = Supervisor(lambda line: None), folder / "order"

    def starting(name: str) -> Child:
        script = f"trap 'sleep 0.1; echo {name} >> {order}; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
        child = process.start(name, ["sh", "-c", script], log=folder / name)
        wait_until(lambda: child.tail() == ["ready"], child, seconds=30, what="ready")
        return child

    for name, stage in [("upstream", Stage.UPSTREAM), ("front", Stage.FRONT), ("background", Stage.BACKGROUND)]:
        supervisor.run(partial(starting, name), stage=stage, stop_seconds=5, restartable=False)
    supervisor.stop()
    assert order.read_text().split() == ["front", "background", "upstream"]
    supervisor.stop()


def test_a_child_that_never_becomes_ready_is_reported_with_its_log(folder: Path) -> None:
    child = process.start("web", ["sh", "-c", "echo port taken; exit 1"], log=folder / "log")
    with pytest.raises(EmbeddedServiceError, match=r"web has ended \(exit status 1\) before answering") as caught:
        wait_until(lambda: False, child, seconds=5, what="answering")
    assert "port taken" in str(caught.value)

    child = process.start("web", ["sleep", "1000"], log=folder / "log")
    with pytest.raises(EmbeddedServiceError, match=r"web is not ready: not answering within 0\.2 s"):
        wait_until(lambda: False, child, seconds=0.2, what="answering")
    child.stop(seconds=1)


def test_a_task_that_fails_or_hangs_is_reported_and_gone(folder: Path) -> None:
    run_to_the_end(process.start("migrate", ["true"], log=folder / "log"), seconds=5)
    failing = process.start("migrate", ["sh", "-c", "echo no such table; exit 1"], log=folder / "log")
    with pytest.raises(EmbeddedServiceError, match=r"migrate failed \(exit status 1\)") as caught:
        run_to_the_end(failing, seconds=5)
    assert "no such table" in str(caught.value)
    hanging = process.start("migrate", ["sleep", "1000"], log=folder / "log")
    with pytest.raises(EmbeddedServiceError, match=r"did not finish within 0\.2 s"):
        run_to_the_end(hanging, seconds=0.2)
    assert hanging.has_ended()


def replaced(folder: Path, how: Replacing) -> list[str]:
    """What two generations of a child say, when the first one is replaced by the second."""
    order, generations = folder / "order", iter("12")

    def start() -> Child:
        name = next(generations)
        script = (
            f"trap 'sleep 0.1; echo {name} ends >> {order}; exit 0' TERM; echo {name} begins >> {order}; "
            "echo ready; while :; do sleep 0.02; done"
        )
        child = process.start("one", ["sh", "-c", script], log=folder / name)
        if name == "1":
            wait_until(lambda: child.tail() == ["ready"], child, seconds=30, what="ready")
        return child

    supervisor = Supervisor(lambda line: None)
    supervisor.run(start, stage=Stage.FRONT, stop_seconds=5, restartable=True)
    supervisor.replace("one", how)
    supervisor.look(0)  # nobody is missed
    supervisor.stop()
    return order.read_text().splitlines()


def is_ready(child: Child) -> bool:
    return child.tail() == ["ready"]


def test_a_child_is_replaced_once_the_new_one_is_ready(folder: Path) -> None:
    how = Replacing(signal.SIGTERM, seconds=5, is_ready=is_ready, ready_seconds=30)
    assert replaced(folder, how) == ["1 begins", "2 begins", "1 ends", "2 ends"]


def test_of_what_there_may_be_only_one_the_old_one_ends_first(folder: Path) -> None:
    how = Replacing(signal.SIGTERM, seconds=5, is_ready=is_ready, ready_seconds=30, is_first=True)
    assert replaced(folder, how) == ["1 begins", "1 ends", "2 begins", "2 ends"]


def test_where_the_new_one_does_not_get_ready_the_old_one_stays(folder: Path) -> None:
    scripts = iter(["sleep 1000", "echo broken; exit 3"])
    started: list[Child] = []

    def start() -> Child:
        started.append(process.start("one", ["sh", "-c", next(scripts)], log=folder / "log"))
        return started[-1]

    supervisor = Supervisor(lambda line: None)
    supervisor.run(start, stage=Stage.FRONT, stop_seconds=5, restartable=True)
    how = Replacing(signal.SIGTERM, seconds=5, is_ready=is_ready, ready_seconds=30)
    with pytest.raises(EmbeddedServiceError, match=r"one has ended \(exit status 3\) before ready") as caught:
        supervisor.replace("one", how)
    assert str(caught.value).endswith("broken")
    assert not started[0].has_ended()
    supervisor.look(0)
    supervisor.stop()
    assert started[0].has_ended()
