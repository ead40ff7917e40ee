"""Where a grid meter may sit: some inverters come with one in the path of consumption."""

from enum import StrEnum


class Position(StrEnum):
    CONNECTION = "connection"  # it sees what flows to and from the grid
    HOUSE = "house"  # behind the inverter: it sees only what the house uses
