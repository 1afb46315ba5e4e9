"""The end-to-end tests use the gateway's fixtures."""

from tests.gateway.conftest import gateway, simulator, simulator_process, world

__all__ = ["gateway", "simulator", "simulator_process", "world"]
