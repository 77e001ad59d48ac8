"""Short facts about the data sets that come with the package: lists of names, one a line, `#` starts a comment."""

from functools import cache
from importlib.resources import files


@cache
def names(fact: str) -> tuple[str, ...]:
    """Return the names listed in `<fact>.txt`, in the file's order, e.g. `names("actions_ntu120")`.

    Raises:
        FileNotFoundError: the package has no such list.
    """
    lines = files(__name__).joinpath(f"{fact}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
