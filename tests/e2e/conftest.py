"""The end-to-end tests use the gateway's fixtures."""

from tests.gateway.conftest import simulator_process, gateway, simulator, world

__all__ = ["simulator_process", "gateway", "simulator", "world"]
