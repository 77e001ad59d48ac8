"""The one way in which per cents are rounded, in tables, pages and pictures."""

import math
from decimal import ROUND_HALF_UP, Decimal


def fixed(value: float, digits: int = 1, sign: str = "") -> str:
    """Return a number with `digits` digits after the point; halves are rounded away from zero: 56.25 is 56.3.

    Rounded is the number as it is printed in full: 87.35 is 87.4, though its binary form is a little less. `fixed` in
    `player/html_elements.js` does the same.

    Args:
        value: such as a share in per cent.
        digits: after the point.
        sign: `+` for a sign in any case.
    """
    if not math.isfinite(value):
        return f"{value:{sign}}"
    rounded = Decimal(str(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{rounded:{sign}f}"
