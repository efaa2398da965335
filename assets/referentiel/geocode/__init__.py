"""From an address to a position, for records that have none to believe.

`address` brings addresses to one spelling; `ban` looks them up in an extract of the Base Adresse Nationale, offline;
`geoplateforme` asks the State's service, only when told to, and keeps its answers; `geocoding` asks both in turn and
gives the positions to the records. A position is never a commune's centre.
"""
