"""What hemsd remembers: one SQLite file, one thread that writes it, and views of it for everybody else."""

from hemsd.store.rows import (
    BadCursor,
    StoreError,
    VisitFilter,
    VisitPage,
    WrittenDay,
)
from hemsd.store.store import Store
from hemsd.store.views import Views

__all__ = [
    "BadCursor",
    "Store",
    "StoreError",
    "Views",
    "VisitFilter",
    "VisitPage",
    "WrittenDay",
]
