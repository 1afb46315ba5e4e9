"""Traces for OpenTelemetry: of what is in the request log, in a worker, by the official SDK. Off unless a collector is configured, by the
standard variables (OTEL_EXPORTER_OTLP_ENDPOINT and its kin).
"""
