// Where a chart leads: the same page zoomed in, and the requests of a step.

import { minuteOf } from "./writing.js";

const SKETCH = 0.98; // percentiles are within 1 %, so the request that is one may be a little faster

export function endOf(chart, place) {
  return place + 1 < chart.edges.length ? chart.edges[place + 1] : Math.max(chart.end, chart.edges[place] + 60);
}

function ranged(address, from, to) {
  const url = new URL(address, location.href);
  url.searchParams.delete("range");
  url.searchParams.set("from", minuteOf(from));
  url.searchParams.set("to", minuteOf(to));
  return url;
}

// The page with the steps from `first` to `last`.
export function zoomed(chart, first, last) {
  const url = ranged(chart.page, chart.edges[first], endOf(chart, last));
  return url.pathname + url.search;
}

// The requests of a step; of one line's only, if one is given.
export function requestsOf(chart, place, series) {
  const url = ranged(chart.requests, chart.edges[place], endOf(chart, place));
  if (series && !series.isBefore) {
    for (const [name, value] of Object.entries(series.filters)) url.searchParams.set(name, value);
    const value = series.values[place];
    if (series.isThreshold && value) url.searchParams.set("slower", String(Math.floor(value * SKETCH)));
  }
  return url.pathname + url.search;
}
