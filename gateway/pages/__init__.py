"""What the gateway adds to the console's pages. Found by the console's addresses, as every app's pages are."""

from gateway.pages import budget_subjects

__all__ = ["budget_subjects"]
