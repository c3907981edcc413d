"""Tells people of trouble: an outbox that loses nothing, routes, messages, and the channels that they leave by."""
