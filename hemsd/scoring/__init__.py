"""Whether a charging session went as it should: rules that know what was offered, a small model, and plain words.

The way of a session through the modules, pure functions as far as ``judge``:

``series``      what a wallbox said, in one unit, in order, without repetitions; the last six hours of it
``trace``       the same on equal steps, as coarse as the register deserves
``session``     those steps as rules look at them
``rulebook``    rules that name a fault and the span which proves it (``categories``): of the register, of the flow, of
                the ``shortfall``, and ``flapping_rule``
``features``    the same session as the model sees it: 24 quarter-hours, right-aligned
``engine``      the model on whichever runtime is installed; ``surprise`` turns its answer into a score and a place
``fusion``      rules and model in one verdict, calibrated for this home
``judge``       all of it in one call, in a thread of its own
``facts``       what the session comes to in numbers; ``words`` and ``answers`` tell verdict and facts (``sayings``),
                ``speaker`` may reword them as far as ``grounds`` lets it
``shelf``       what is kept of sessions in the store, and the questions that read it; ``station_rows``, ``model_rows``
                and ``statuses`` the same of stations, of fine-tuned models and of what wallboxes said of themselves
``desk``        the analysis API's sessions; ``batches``, ``stations`` (with ``health``) and ``jobs`` (with ``tuning``)
``own``         the home's own visits; ``office`` holds all desks and runs what runs behind them
"""
