"""Linking the records of one counter: `link(constats)`; see `docs/appariement.md`."""

from assets.referentiel.link.link import LINK_SCHEMA, LinkResult, guests_last, link

__all__ = ["LINK_SCHEMA", "LinkResult", "guests_last", "link"]
