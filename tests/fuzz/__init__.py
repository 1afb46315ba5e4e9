"""Made requests against the whole of both OpenAPI documents; outside of the suite, since it takes minutes: `make fuzz`."""
