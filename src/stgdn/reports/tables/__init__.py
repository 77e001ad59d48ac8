"""Tables of results beside published figures."""
