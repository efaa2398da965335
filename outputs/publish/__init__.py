"""Publication of a release on somebody else's server: a data.gouv.fr (udata) site, or a bucket.

Nothing here decides whether a release may be published (`assets.release.publishable`), and nothing knows the manifest:
what is published is a folder, plain facts about it (`presentation.About`), and `ressources.yml`.
"""
