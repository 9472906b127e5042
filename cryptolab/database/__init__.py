"""Candles at rest."""

from __future__ import annotations

from cryptolab.database.files import read

__all__ = ["read"]
