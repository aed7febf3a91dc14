"""Stub."""

from typing import Any

PAGE: Any = None
