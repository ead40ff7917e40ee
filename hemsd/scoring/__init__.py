"""Whether a charging session went as it should: rules that know what was offered, a small model, and plain words.

The way of a session through the modules, each a pure function of the one before, apart from the last two:

``series``      what a wallbox said, in one unit, in order, without repetitions; the last six hours of it
``trace``       the same on equal steps, as coarse as the register deserves
``categories``  rules that name a fault and the span which proves it
``features``    the same session as the model sees it: 24 quarter-hours, right-aligned
``engine``      the model on whichever runtime is installed; ``model`` turns its answer into a score and a place
``fusion``      rules and model in one verdict, calibrated for this home
``words``       the verdict in sentences
``judge``       all of it in one call, in a thread of its own
``desk``        the analysis API's memory: posted sessions, own visits, stations, jobs
"""
