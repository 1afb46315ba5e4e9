"""The end-to-end tests use the gateway's fixtures."""

from tests.gateway.conftest import _simulator_process, gateway, simulator, world

__all__ = ["_simulator_process", "gateway", "simulator", "world"]
