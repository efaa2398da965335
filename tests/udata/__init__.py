"""The real server of data.gouv.fr (udata), for the tests of publication: see README.md."""
