"""A home on real sockets: a sun, a house, a battery, a car and a wallbox that hemsd meets through its ordinary drivers.

The daemon must not know that its home is simulated: the meters are a Modbus server that speaks SunSpec, the wallbox is
an OCPP charge point. ``day`` holds the recorded sun and house, ``physics`` and its neighbours step through time
without sockets, ``meters`` and ``wallbox`` put them on the wire, ``home`` runs them all.
"""
