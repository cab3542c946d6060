"""What the original's module of this name has."""

from __future__ import annotations

from minions.clients.base import Absent


class CartesiaMLXClient(Absent):
    """Has no counterpart here; the error says what to take instead."""

    INSTEAD = "an object of your own with a chat method, around that library, can be a side of a job"
