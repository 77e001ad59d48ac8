"""Lists of names that owners of data sets publish: one name a line, `#` starts a comment."""

from functools import cache
from importlib.resources import files


@cache
def official_list(name: str) -> tuple[str, ...]:
    """Return the names in `NAME.txt`, in the order of the file, e.g. `official_list("actions_ntu120")`.

    Raises:
        FileNotFoundError: the package has no such list.
    """
    lines = files(__name__).joinpath(f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
