import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data for tests; it is not part of the project."""
    places = [ROOT.parent / "shared" / "data"]
    if "STGDN_SHARED" in os.environ:
        named = Path(os.environ["STGDN_SHARED"])
        places = [named / "data", named, *places]
    for place in places:
        if (place / "NW-UCLA.zip").is_file():
            return place
    pytest.skip("no real data: neither ../shared/data nor the folder named by STGDN_SHARED has NW-UCLA.zip")
