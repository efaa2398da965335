"""Settings of udata for tests: one process, everything in memory. UDATA_SETTINGS names this file."""

import os

import mongomock

SECRET_KEY = "for-tests"
API_TOKEN_SECRET = "for-tests"
SITE_ID = "test"
SERVER_NAME = os.environ["UDATA_SERVER_NAME"]  # the address of links: that of the relay
PREFERRED_URL_SCHEME = "http"
DEFAULT_LANGUAGE = "fr"

# mongoengine takes a client class, and udata passes these settings through.
MONGODB_SETTINGS = {"host": "mongodb://localhost:27017/udata", "mongo_client_class": mongomock.MongoClient}

CELERY_BROKER_URL = "memory://"
CELERY_RESULT_BACKEND = "cache+memory://"
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = False
CACHE_TYPE = "flask_caching.backends.SimpleCache"
ELASTICSEARCH_URL = None
AUTO_INDEX = False
SEND_MAIL = False

FS_PREFIX = "/s"
FS_ROOT = os.environ["UDATA_FS_ROOT"]
URLS_ALLOW_LOCAL = True
URLS_ALLOW_PRIVATE = True
URLS_RESOLVE_HOSTNAME = False
