"""How the OpenAPI documents are made: `config.calls_docs` of what applications call, and `config.management_docs`."""

SPECTACULAR_SETTINGS = {
    "TITLE": "Tollgate",
    "DESCRIPTION": "One API to every model provider, in OpenAI's and Anthropic's wire formats.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {  # several fields are called so
        "BreakerSetting": "gateway.models.catalog.Model.Breaker",
        "AlertKind": "billing.models.alerts.Alert.Kind",
        "ChannelKind": "billing.models.channels.AlertChannel.Kind",
        "ProviderKind": "gateway.models.catalog.Provider.Kind",
        "Severity": "billing.models.channels.Severity",
    },
}
