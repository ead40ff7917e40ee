"""What holds for every test."""

import os

from hypothesis import HealthCheck, settings

# The usual run plays the same examples each time, so that a red test is a change of ours, and `make check` a quarter of
# them; HYPOTHESIS_PROFILE=search looks for new ones. How long an example takes says more about the machine than about
# the code.
settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("same"), max_examples=25)
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
