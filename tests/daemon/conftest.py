"""Tests here may be marked ``virtual_time``."""

from tests.virtual import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
