"""The management API's part of the dashboards: their numbers."""
