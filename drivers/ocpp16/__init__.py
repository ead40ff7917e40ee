"""hemsd as the OCPP 1.6J central system of the home's wallboxes.

``server`` listens and finds out who is calling; ``charge_point`` is one configured wallbox and outlives its sockets;
``rpc`` pairs calls with answers on one socket; ``inbound`` and ``profiles`` translate, and ``ladder`` knows the ways
in which a limit can be said. The last three are pure.
"""
