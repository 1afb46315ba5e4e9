/* Numbers and problems, in words. */

/* With the digits that say something: $0.00012, $0.0345, $1.20. */
export function dollars(amount) {
  if (amount === null || amount === undefined || Number.isNaN(amount)) return "–";
  if (amount === 0) return "$0";
  const size = Math.abs(amount);
  const digits = size >= 1 ? 2 : Math.min(9, 2 - Math.floor(Math.log10(size)));
  return `${amount < 0 ? "−" : ""}$${size.toFixed(digits)}`;
}

export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export function count(number) {
  return new Intl.NumberFormat("en").format(number);
}

/* How much less or more `other` is than `first`: "−63 %"; empty where that says nothing. */
export function difference(first, other) {
  if (!first || other === null || other === undefined) return "";
  const percent = Math.round(((other - first) / first) * 100);
  return `${percent > 0 ? "+" : percent < 0 ? "−" : "±"}${Math.abs(percent)} %`;
}

export function ago(time) {
  const minutes = Math.round((Date.now() - time) / 60_000);
  if (minutes < 1) return gettext("just now");
  if (minutes < 60) return interpolate(gettext("%s min ago"), [minutes]);
  if (minutes < 24 * 60) return interpolate(gettext("%s h ago"), [Math.round(minutes / 60)]);
  return new Date(time).toLocaleDateString();
}

/* What to do about a problem: { text, link, linkText }. The API's own message has said what is wrong. */
export function advice(problem, links) {
  const of = (text, link = "", linkText = "") => ({ text, link, linkText });
  const budgets = links.key ? [links.key, gettext("The playground's limits")] : [links.budgets, gettext("See the budgets")];
  switch (problem.code) {
    case "budget_spent":
    case "cached_answers_only":
      return of(gettext("Raise the limit that is used up, or wait until it begins anew."), ...budgets);
    case "budget_held":
    case "concurrency_exceeded":
    case "tokens_per_minute_held":
    case "requests_per_minute_exceeded":
    case "tokens_per_minute_exceeded":
      return of(gettext("Try again in a moment: other calls are using what there is."));
    case "request_too_expensive":
    case "input_too_long":
    case "output_too_long":
    case "context_length_exceeded":
      return of(gettext("Shorten the conversation, or set fewer output tokens."));
    case "model_not_allowed":
    case "task_not_allowed":
      return of(gettext("The playground's key may not use this one. Choose another, or have an admin allow it."), links.key, gettext("The playground's key"));
    case "model_not_found":
    case "task_not_found":
      return of(gettext("Choose another one: this one is gone. Reload the page to see what there is."), links.models, gettext("See the models"));
    case "model_unpriced":
      return of(gettext("Set a price for the model, so that its cost can be limited."), links.models, gettext("See the models"));
    case "model_cannot":
    case "untranslatable":
    case "quality_too_low":
      return of(gettext("Choose another model, or change the settings that it cannot take."));
    case "upstream_credential_refused":
    case "upstream_out_of_credit":
      return of(gettext("The provider refuses Tollgate's credential or has no credit left. Look at the provider."), links.providers, gettext("See the providers"));
    case "all_models_failed":
    case "upstream_failed":
    case "upstream_unreachable":
    case "upstream_broke_off":
    case "upstream_overloaded":
    case "upstream_rate_limited":
    case "upstream_timeout":
      return of(gettext("The provider failed. Try again, or choose another model."));
    case "store_unavailable":
      return of(gettext("Tollgate cannot check limits just now. Try again in a few seconds."));
    case "playground_off":
      return of(gettext("The playground is switched off. Reload the page: an admin can switch it on there."));
    case "signed_out":
      return of(gettext("You are signed out. Reload the page and sign in; what you wrote is kept in this browser."));
    case "not_allowed":
      return of(gettext("Your role does not allow this any more. Ask an owner of the tenant."));
    case "unreachable":
      return of(gettext("Tollgate could not be reached. Check the connection, and try again."));
    case "not_sent":
      return of("");
    default:
      return problem.status === 401 ? of(gettext("Reload the page and try again.")) : of("");
  }
}

/* A title for the problem. */
export function title(problem) {
  if (problem.code === "not_sent") return gettext("Not sent");
  if (problem.status === 429) return gettext("Over a limit");
  if (problem.status >= 500 || problem.code === "unreachable") return gettext("No answer");
  if (problem.code === "signed_out") return gettext("Signed out");
  return gettext("Refused");
}
