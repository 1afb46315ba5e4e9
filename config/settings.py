"""Django's settings, all from the environment (docs/operating.md lists the variables). Importing needs no database."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from billing import prices
from config import secrets, static_headers
from config.appearance import UNFOLD as UNFOLD
from config.appearance import UNFOLD_CONSOLE as UNFOLD_CONSOLE
from config.browsers import CONTENT_SECURITY_POLICY as CONTENT_SECURITY_POLICY
from config.embedded import layout as layouts
from config.embedded.redis import broker_url
from config.env import Environment
from config.openapi import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from config.redis_cluster import is_cluster, node_url
from config.schedule import CELERY_BEAT_SCHEDULE as CELERY_BEAT_SCHEDULE
from config.sign_in import *  # noqa: F403
from config.sign_in import SIGN_IN_APPS

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
VAR_DIR = Path(env.text("TOLLGATE_VAR", str(BASE_DIR / "var")))
EMBEDDED = layouts.of(VAR_DIR)  # where the embedded services of `manage.py up` are to be found

DEBUG = env.flag("TOLLGATE_DEBUG", False)
ALLOWED_HOSTS = env.words("TOLLGATE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("TOLLGATE_TRUSTED_ORIGINS")

# A development install keeps secrets of its own under var/; a production one gives them.
IS_PRODUCTION = env.flag("TOLLGATE_PRODUCTION", False)
if IS_PRODUCTION and not (env.text("TOLLGATE_SECRET_KEY") and env.text("TOLLGATE_ENCRYPTION_KEYS")):
    raise ImproperlyConfigured("TOLLGATE_PRODUCTION=1 needs TOLLGATE_SECRET_KEY and TOLLGATE_ENCRYPTION_KEYS.")
SECRET_KEY = env.text("TOLLGATE_SECRET_KEY") or secrets.secret_key(VAR_DIR)
SECRET_KEY_FALLBACKS = env.words("TOLLGATE_SECRET_KEY_FALLBACKS")  # former ones, whose signatures still hold
ENCRYPTION_KEYS = env.words("TOLLGATE_ENCRYPTION_KEYS") or [secrets.encryption_key(VAR_DIR)]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.inlines",
    "config.apps.OperatorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    *SIGN_IN_APPS,
    "auditlog",
    "drf_spectacular",
    "rest_framework",
    "config",
    "tenants",
    "billing",
    "gateway",
    "dashboards",
]

MIDDLEWARE = [
    "config.probing.ProbesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.reading.ReadableMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "tenants.audit.AuditMiddleware",
    "tenants.console.middleware.TenancyMiddleware",
]

ROOT_URLCONF = "config.urls"
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenants.accounts.context.frame",
            ]
        },
    }
]

DATABASES = {"default": env.database("DATABASE_URL", EMBEDDED.database_url)}
# A streaming replica that dashboards may be read from (dashboards/standby.py).
if env.text("DATABASE_REPLICA_URL"):
    _replica = env.database("DATABASE_REPLICA_URL", "")
    # A host that has vanished is noticed within some ten seconds.
    _patience = {
        "connect_timeout": "2",
        "tcp_user_timeout": "5000",
        "keepalives_idle": "5",
        "keepalives_interval": "2",
        "keepalives_count": "3",
    }
    _replica["OPTIONS"] = {**_patience, **_replica["OPTIONS"]}  # type: ignore[dict-item]
    DATABASES["replica"] = {**_replica, "TEST": {"MIRROR": "default"}}
REPLICA_LAG_SECONDS = env.seconds(
    "TOLLGATE_REPLICA_LAG", 60.0, low=0.0, high=86_400.0
)  # further behind, it is not asked
REDIS_URL = env.text("REDIS_URL", EMBEDDED.redis_url)
REDIS_TIMEOUT_SECONDS = env.seconds("TOLLGATE_REDIS_TIMEOUT", 2.0)
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "django",
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT_SECONDS, "SOCKET_TIMEOUT": REDIS_TIMEOUT_SECONDS},
    }
}
REDIS_IS_CLUSTER, REDIS_NODE_URL = is_cluster(REDIS_URL), node_url(REDIS_URL)
if REDIS_IS_CLUSTER:
    CACHES["default"]["OPTIONS"] |= {"CONNECTION_FACTORY": "config.redis_cluster.ClusterConnectionFactory"}  # type: ignore[operator]
    if not env.text("CELERY_BROKER_URL"):
        raise ImproperlyConfigured(
            "REDIS_URL is a cluster, which Celery cannot use as a broker: set CELERY_BROKER_URL."
        )

PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
CSRF_FAILURE_VIEW = "tenants.console.errors.stale_form"
REQUIRE_MFA = env.matching("TOLLGATE_REQUIRE_MFA", "", "|operators|all", "operators, or all, or nothing")
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not IS_PRODUCTION  # passkeys over http, which browsers allow for localhost

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
FORMAT_MODULE_PATH = ["config.formats"]
USE_TZ = True

STATIC_URL = "/static/"  # from the root, for within a console every other address begins with /t/<slug>/
STATIC_ROOT = VAR_DIR / "static"
secrets.make_folder(STATIC_ROOT)  # whitenoise warns of a missing one
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_ADD_HEADERS_FUNCTION = static_headers.add
WHITENOISE_USE_FINDERS = True  # serves the packages' static files without a collectstatic step

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
if IS_PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_SSL_REDIRECT = env.flag("TOLLGATE_SSL_REDIRECT", True)
    SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]  # asked from within, without TLS
    # Whether sub-domains are served by TLS only, and whether browsers shall know it beforehand, is for whoever owns the domain.
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# A process that is told to stop goes on accepting for the delay, and gives requests under way until the drain's end (config/serving.py).
DRAIN_DELAY_SECONDS = env.seconds("TOLLGATE_DRAIN_DELAY", 0.0, low=0.0, high=300.0)
DRAIN_SECONDS = env.seconds("TOLLGATE_DRAIN", 60.0, low=0.0, high=3600.0)

# When a gateway process loads what people open (config/interactive.py).
CONSOLE_AT_START = (
    env.matching("TOLLGATE_CONSOLE", "when-asked", r"when-asked|at-start", "when-asked or at-start") == "at-start"
)

# The data plane.
GATEWAY_MAX_BODY_BYTES = env.number("TOLLGATE_MAX_BODY_BYTES", 32 * 1024 * 1024, low=1024, high=512 * 1024 * 1024)
GATEWAY_FIRST_BYTE_SECONDS = env.seconds("TOLLGATE_FIRST_BYTE_TIMEOUT", 60.0)
GATEWAY_IDLE_SECONDS = env.seconds("TOLLGATE_IDLE_TIMEOUT", 60.0)
GATEWAY_TOTAL_SECONDS = env.seconds("TOLLGATE_TOTAL_TIMEOUT", 600.0)
GATEWAY_SNAPSHOT_CAPACITY = env.number("TOLLGATE_SNAPSHOT_CAPACITY", 2000, low=1, high=1_000_000)
GATEWAY_METRICS_TOKEN = env.text("TOLLGATE_METRICS_TOKEN")
GATEWAY_DEFAULT_PRICE = env.text("TOLLGATE_DEFAULT_PRICE")
try:
    prices.default(GATEWAY_DEFAULT_PRICE)
except ValueError as error:
    raise ImproperlyConfigured(f"TOLLGATE_DEFAULT_PRICE takes {error}.") from error
GATEWAY_UNPRICED_OPTIONS = env.matching("TOLLGATE_UNPRICED_OPTIONS", "refuse", r"refuse|pass", "refuse or pass")
GATEWAY_DEFAULT_OUTPUT_TOKENS = env.number("TOLLGATE_DEFAULT_OUTPUT_TOKENS", 8192, low=1, high=1_000_000)
GATEWAY_LEAST_OUTPUT_TOKENS = env.number("TOLLGATE_LEAST_OUTPUT_TOKENS", 32, low=1, high=100_000)
GATEWAY_HOLD_WAIT_SECONDS = env.seconds("TOLLGATE_HOLD_WAIT", 2.0, low=0.0, high=60.0)
GATEWAY_FLIGHT_WAIT_SECONDS = env.seconds("TOLLGATE_FLIGHT_WAIT", 30.0, low=0.0, high=600.0)
GATEWAY_CLIENT_SECONDS = env.seconds("TOLLGATE_CLIENT_TIMEOUT", 60.0, low=1.0)
GATEWAY_LEFT_STREAM_SECONDS = env.seconds("TOLLGATE_LEFT_STREAM_GRACE", 2.0, low=0.0, high=60.0)
EMBEDDER = env.matching(
    "TOLLGATE_EMBEDDER", "minilm", r"minilm|api https?://\S+ \S+", "minilm, or: api <base URL> <model>"
)
EMBEDDER_API_KEY = env.text("TOLLGATE_EMBEDDER_API_KEY")
GATEWAY_SEMANTIC_SECONDS = env.seconds("TOLLGATE_SEMANTIC_BUDGET", 0.05, low=0.005, high=5.0)
GATEWAY_SEMANTIC_WAIT_SECONDS = env.seconds("TOLLGATE_SEMANTIC_WAIT", 0.3, low=0.01, high=30.0)
GATEWAY_SEMANTIC_CONNECTIONS = env.number("TOLLGATE_SEMANTIC_CONNECTIONS", 4, low=1, high=100)
GATEWAY_SEMANTIC_ENTRIES = env.number("TOLLGATE_SEMANTIC_ENTRIES", 200_000, low=100, high=100_000_000)
GATEWAY_SEMANTIC_SCOPE_ENTRIES = env.number("TOLLGATE_SEMANTIC_SCOPE_ENTRIES", 100_000, low=100, high=100_000_000)
GATEWAY_BREAKER_CALLS = env.number("TOLLGATE_BREAKER_CALLS", 10, low=1, high=10_000)
GATEWAY_BREAKER_PERCENT = env.number("TOLLGATE_BREAKER_PERCENT", 50, low=1, high=99)
GATEWAY_BREAKER_SECONDS = env.seconds("TOLLGATE_BREAKER_OPEN", 30.0, low=1.0, high=3600.0)
GATEWAY_LEASE_SECONDS = env.seconds("TOLLGATE_LEASE", 20.0, low=5.0, high=3600.0)
GATEWAY_BACKGROUND_REQUESTS = env.number("TOLLGATE_BACKGROUND_REQUESTS", 4, low=0, high=1000)  # summaries at once
GATEWAY_PREFIX_CACHE = env.flag(
    "TOLLGATE_PREFIX_CACHE", True
)  # off: no marks for providers' caches but the callers' own
GATEWAY_FEEDBACK_DAYS = env.number("TOLLGATE_FEEDBACK_DAYS", 30, low=1, high=365)  # as long as an answer may be rated
# Keys that nobody has, tried on one process from one address.
GATEWAY_UNKNOWN_KEYS_PER_MINUTE = env.number("TOLLGATE_UNKNOWN_KEYS_PER_MINUTE", 120, low=1, high=1_000_000)
# Votes by token that one address may send a tenant.
GATEWAY_FEEDBACK_PER_MINUTE = env.number("TOLLGATE_FEEDBACK_PER_MINUTE", 60, low=1, high=100_000)
# Calls to the management API: of each key and each person; and of one address with keys that are none.
MANAGEMENT_CALLS_PER_MINUTE = env.number("TOLLGATE_MANAGEMENT_PER_MINUTE", 600, low=1, high=1_000_000)
MANAGEMENT_UNKNOWN_PER_MINUTE = env.number("TOLLGATE_MANAGEMENT_UNKNOWN_PER_MINUTE", 60, low=1, high=1_000_000)
GATEWAY_SPOOL_DIR = VAR_DIR / "spool"
OUTBOUND_ALLOW = env.networks("TOLLGATE_OUTBOUND_ALLOW")  # private networks that tenants' addresses may lead to
REQUEST_LOG_RETENTION_DAYS = env.number("TOLLGATE_REQUEST_LOG_DAYS", 400, low=1, high=36_500)

# Traces go to a collector where OpenTelemetry's standard variables name one; the SDK reads the others itself.
OTEL_TRACES = (
    bool(env.text("OTEL_EXPORTER_OTLP_ENDPOINT") or env.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
    and env.text("OTEL_TRACES_EXPORTER", "otlp") == "otlp"
    and env.text("OTEL_SDK_DISABLED").lower() != "true"
)
# With what was said, of tenants that have it stored.
OTEL_CONTENT = env.text("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT").lower() in (
    "true",
    "span_only",
    "span_and_event",
)

# E-mail, for alerts. Without a server, messages are files in a folder.
MAIL_SERVER = env.mail_server("TOLLGATE_EMAIL_URL")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if MAIL_SERVER else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "mail"
if MAIL_SERVER:
    EMAIL_HOST, EMAIL_PORT = MAIL_SERVER.host, MAIL_SERVER.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL_SERVER.user, MAIL_SERVER.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL_SERVER.use_tls, MAIL_SERVER.use_ssl
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("TOLLGATE_EMAIL_FROM", "Tollgate <tollgate@localhost>")

# Celery: the broker is Redis unless another one is named. Tasks are safe to run twice, so they are acknowledged early.
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", broker_url(REDIS_URL))
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "config.beat:Scheduler"

REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
AUDITLOG_INCLUDE_ALL_MODELS = False
AUDITLOG_USE_FK_STRING_REPRESENTATION = True
AUDITLOG_CID_HEADER = None  # anyone can write a header

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "config.logs.OneLine", "format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("TOLLGATE_LOG_LEVEL", "INFO").upper()},
    "loggers": {
        "celery": {"level": "WARNING"},
        "aiohttp": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "uvicorn.error": {"handlers": ["stderr"], "propagate": False},  # as all others, once Tollgate is loaded
    },
}
LANGUAGES = [("en", _("English"))]
