"""``python -m hemsd`` is the ``hemsd`` command."""

import sys

from hemsd.cli import main

sys.exit(main())
