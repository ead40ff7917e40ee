"""Alerts told to people outside the page: over a webhook, over MQTT, to a phone.

``settings`` is the section ``alerts`` of config.yaml, ``teller`` knows what has to be told, ``channels`` how.
"""
