"""A release: its folder assembled aside, checked, then put in place by one rename. It never changes afterwards."""
