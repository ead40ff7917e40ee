"""hemsd: a home energy management daemon."""

__version__ = "0.1.0"
