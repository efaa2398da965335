"""How far people are from each service."""
