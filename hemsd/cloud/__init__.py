"""What leaves the house, and how: an outbox that loses nothing, and a client with manners (docs/cloud.md).

A change that a receiver must hear of leaves a debt in the store, committed with the change itself (hemsd.store.outbox,
``marks``). Each receiver has a *lane* (``lanes``), which pays its debts one at a time: it asks a *route*
(``analysis_upload``, ``summaries``, ``webhooks``) for the newest state, freezes the key under which that leaves, hands
it to the ``client`` and writes down what came of it. When to try again is a pure question (``backoff``).
"""
