"""Everything that can go wrong with a request, drawn once. `gateway.api.rendering` turns it into the surface's own format.

GatewayError
├── InvalidRequest 400            the caller's request is at fault; `param` says where
│   ├── Unsupported 400           right in itself, but the chosen model or provider cannot do it
│   ├── BodyTooLarge 413
│   └── BodyEncoded 415           compressed: how large it is would be known too late
├── Unauthenticated 401           no key, or one that is unknown, expired or revoked
├── PermissionDenied 403          the key may not do this
├── NotFound 404                  no such model, task or address (or not yours)
├── Gone 410                      it was possible once, and is no more
├── MethodNotAllowed 405
├── Conflict 409                  another request under the same idempotency key is under way
├── NotCached 504                 the caller wants nothing but a cached answer, and there is none
├── RateLimited 429               a limit of the key, the user or the tenant; `retry_after_seconds`
│   ├── BudgetHeld 429            a budget has room, but requests under way hold it: try again in a moment
│   └── BudgetSpent 429           a budget is used up; trying again helps only in its next window
├── UpstreamError                 the provider refused or failed; keeps its type and message
│   ├── UpstreamRejected          4xx: the provider found fault with the request; its own status
│   │   ├── ContextOverflow       the input is too long for the model
│   │   └── ContentRefused        against the provider's content policy
│   ├── UpstreamRateLimited 429
│   ├── UpstreamOverloaded 503
│   ├── UpstreamFailed 502        5xx, a broken answer, no connection
│   │   ├── UpstreamCredentialRefused   the gateway's own key is wrong or may not do this; retrying cannot help
│   │   └── UpstreamOutOfCredit   the gateway's own account at the provider is used up; retrying cannot help
│   ├── UpstreamTimedOut 504
│   ├── AllModelsFailed 503       none of a plan's models could answer
│   └── NotGoodEnough             a cascade's first answer; never shown, for another model is asked, or the answer given all the same
├── StoreUnavailable 503          Redis or PostgreSQL cannot be reached, and nothing may be admitted without
└── InternalError 500             a fault of ours; the log has it under the request id
"""

from __future__ import annotations

from typing import Any


class GatewayError(Exception):
    """An error with a public face. `message` is shown to the caller: it says what to do next and holds no secret.

    `may_retry`: the same request may succeed later. `may_fall_back`: another provider may be asked instead. `error_type` is the
    provider's own type where there is one, else empty (each surface has its word for a status). `detail` is what a program may want to
    know besides: which budget, used, held, when it resets. `source` is the limit that refused, as the ledger knows it.
    """

    status = 500
    code = "internal_error"
    may_retry = False
    may_fall_back = False

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        error_type: str = "",
        retry_after_seconds: float | None = None,
        detail: dict[str, object] | None = None,
        source: str = "",
        may_retry: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or type(self).code
        self.error_type = error_type
        self.retry_after_seconds = retry_after_seconds
        self.detail = detail
        self.source = source
        if may_retry is not None:
            self.may_retry = may_retry


class InvalidRequest(GatewayError):
    status = 400
    code = "invalid_request"


class Unsupported(InvalidRequest):
    code = "unsupported"


class BodyTooLarge(InvalidRequest):
    status = 413
    code = "body_too_large"


class BodyTooSlow(InvalidRequest):
    status = 408
    code = "body_too_slow"


class BodyEncoded(InvalidRequest):
    status = 415
    code = "body_encoded"


class Unauthenticated(GatewayError):
    status = 401
    code = "invalid_api_key"


class PermissionDenied(GatewayError):
    status = 403
    code = "permission_denied"


class NotFound(GatewayError):
    status = 404
    code = "not_found"


class Gone(GatewayError):
    status = 410
    code = "gone"


class MethodNotAllowed(GatewayError):
    status = 405
    code = "method_not_allowed"


class NotCached(GatewayError):
    """RFC 9111, 5.2.1.7."""

    status = 504
    code = "not_cached"


class RateLimited(GatewayError):
    status = 429
    code = "rate_limit_exceeded"
    may_retry = True


class BudgetHeld(RateLimited):
    code = "budget_held"


class BudgetSpent(RateLimited):
    code = "budget_spent"
    may_retry = False


class Conflict(GatewayError):
    status = 409
    code = "idempotency_in_progress"
    may_retry = True


class UpstreamError(GatewayError):
    """`provider_status` is the HTTP status the provider sent, None if it sent none. `usage` is what the failed call is thought to have used
    (`gateway.types.Usage`), None for nothing; `is_reported`: the provider says so. `answer_bytes`: a whole answer had been made, of about
    that size, but did not come whole; None: it had not."""

    status = 502
    code = "upstream_error"
    may_fall_back = True

    def __init__(self, message: str, *, provider_status: int | None = None, **more: object) -> None:
        super().__init__(message, **more)  # type: ignore[arg-type]
        self.provider_status = provider_status
        self.usage: Any = None
        self.is_reported = False
        self.finish_reason = ""
        self.answer_bytes: int | None = None


class UpstreamRejected(UpstreamError):
    code = "upstream_rejected"
    may_fall_back = False

    def __init__(self, message: str, *, provider_status: int, **more: object) -> None:
        super().__init__(message, provider_status=provider_status, **more)
        self.status = provider_status


class ContextOverflow(UpstreamRejected):
    code = "context_length_exceeded"


class ContentRefused(UpstreamRejected):
    code = "content_refused"


class UpstreamRateLimited(UpstreamError):
    status = 429
    code = "upstream_rate_limited"
    may_retry = True


class UpstreamOverloaded(UpstreamError):
    status = 503
    code = "upstream_overloaded"
    may_retry = True


class UpstreamFailed(UpstreamError):
    code = "upstream_failed"
    may_retry = True


class UpstreamCredentialRefused(UpstreamFailed):
    code = "upstream_credential_refused"
    may_retry = False


class UpstreamOutOfCredit(UpstreamFailed):
    code = "upstream_out_of_credit"
    may_retry = False


class UpstreamTimedOut(UpstreamError):
    status = 504
    code = "upstream_timeout"
    may_retry = True


class AllModelsFailed(UpstreamError):
    status = 503
    code = "all_models_failed"
    may_retry = True


class NotGoodEnough(UpstreamError):
    code = "not_good_enough"


class StoreUnavailable(GatewayError):
    status = 503
    code = "store_unavailable"
    may_retry = True


class InternalError(GatewayError):
    pass
