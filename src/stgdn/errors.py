"""Errors that a user can cause, explained in one sentence."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(Exception):
    """Bad input: the message says what was found, what is allowed and what to type next.

    The commands (`src/train.py`, ...) print it as one line without a traceback and exit with 1.
    """


class DivergedError(InputError):
    """A training that has diverged: a result of its options, the worst one, where a search chooses these."""


def choose(value: str, allowed: Iterable[str], what: str) -> str:
    """Return `value` if it is one of `allowed`.

    Raises:
        InputError: naming `what`, every allowed value and the nearest one.
    """
    names = list(allowed)
    if value in names:
        return value
    near = nearest(str(value), names)
    hint = f"; did you mean '{near}'?" if near else ""
    raise InputError(f"unknown {what} '{value}', allowed: {', '.join(names)}{hint}")


def nearest(word: str, names: Iterable[str]) -> str | None:
    """Return the name that is most like a word, whatever the case of letters; None if none is like it."""
    lower = {name.casefold(): name for name in names}
    near = get_close_matches(word.casefold(), lower, n=1, cutoff=0.5)
    return lower[near[0]] if near else None
