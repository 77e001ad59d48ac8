"""Runs to export: made as the tests of recognition make them."""

from tests.inference.conftest import make_run, run

__all__ = ["make_run", "run"]
