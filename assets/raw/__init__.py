"""Byte-exact dated snapshots of the feeds, and what their readers make of them."""
