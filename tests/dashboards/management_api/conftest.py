from tests.cast import cast
from tests.dashboards.pages.conftest import history

__all__ = ["cast", "history"]
