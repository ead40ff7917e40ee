"""config.yaml: ``load`` reads it whole, or refuses it with everything that is wrong and what would be right.

The daemon, ``hemsd check`` and every other command come through ``load``, so they refuse a file in the same words.
A file passes through these steps: text to values with lines (``file``, ``syntax``), values to models (``models``,
whose complaints ``words`` and ``guide`` translate), models against each other and the machine (``checks``);
``loading`` collects everything that was found.
"""

from hemsd.config.file import ConfigError, Problem
from hemsd.config.loading import json_schema, load
from hemsd.config.models import Config, NamedMeter, VehicleSettings, named_meters, wallbox_settings

__all__ = [
    "Config",
    "ConfigError",
    "NamedMeter",
    "Problem",
    "VehicleSettings",
    "json_schema",
    "load",
    "named_meters",
    "wallbox_settings",
]
