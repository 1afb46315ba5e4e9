"""The addresses under /v1/."""

from django.urls import path, re_path

from gateway.api import base, cache, catalog, explain, feedback, inference, usage

urlpatterns = [
    path("chat/completions", inference.ChatCompletionsView.as_view()),
    path("messages", inference.MessagesView.as_view()),
    path("messages/count_tokens", inference.CountTokensView.as_view()),
    path("embeddings", inference.EmbeddingsView.as_view()),
    path("route/explain", explain.ExplainView.as_view()),
    path("cache", cache.CacheView.as_view()),
    path("cache/purge", cache.PurgeView.as_view()),
    path("feedback", feedback.FeedbackView.as_view()),
    path("budgets", usage.BudgetsView.as_view()),
    path("usage", usage.UsageView.as_view()),
    path("models", catalog.ModelsView.as_view()),
    path("models/<path:name>", catalog.ModelView.as_view()),
    re_path(r"^(?P<path>.*)$", base.not_found),
]
