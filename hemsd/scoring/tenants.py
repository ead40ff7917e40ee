"""Whose sessions there are: each program of the analysis API is a tenant of its own, and so is the home."""

from __future__ import annotations

from typing import Final

HOME: Final = ""
"""The home's own visits: every program may read them, none may change them"""
