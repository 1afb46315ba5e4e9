"""The console's pages about the gateway, and the one behind a feedback link."""

from gateway.pages import playground

__all__ = ["playground"]
