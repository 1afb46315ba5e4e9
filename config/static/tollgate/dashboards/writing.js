// How values and times are written: as dashboards/pages/words.py does it, times in the viewer's own zone.

const NOTHING = "–";

function count(value) {
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"]]) {
    if (Math.abs(value) >= size) return `${(value / size).toFixed(2)} ${letter}`;
  }
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

function usd(value) {
  const amount = Math.abs(value);
  const sign = value < 0 ? "−" : "";
  if (!amount) return "$0";
  if (amount >= 1) {
    return `${sign}$${amount.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  }
  return `${sign}$${amount.toFixed(Math.min(12, Math.max(2, 2 - Math.floor(Math.log10(amount)))))}`;
}

function ms(value) {
  if (value >= 60000) return `${(value / 60000).toFixed(1)} min`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return value >= 10 ? `${value.toFixed(0)} ms` : `${value.toFixed(2)} ms`;
}

const WRITERS = {
  count,
  tokens: count,
  share: (value) => `${(value * 100).toFixed(value > 0 && value < 0.01 ? 2 : 1)} %`,
  ms,
  "tokens/s": (value) => `${value.toFixed(1)}/s`,
  usd,
  score: (value) => value.toFixed(2),
};

export function written(value, unit) {
  return value === null || value === undefined ? NOTHING : WRITERS[unit](value);
}

// A line's value at a step, with the interval that it lies in, if it has one.
export function valued(item, place, unit) {
  const [low, high] = [item.low?.[place], item.high?.[place]];
  const value = written(item.values[place], unit);
  return low === undefined || low === null ? value : `${value} (${ticked(low, unit)} – ${ticked(high, unit)})`;
}

// Beside an axis: short, without digits that say nothing.
export function ticked(value, unit) {
  if (unit === "ms") {
    if (value >= 60000) return `${trimmed(value / 60000)} min`;
    return value >= 1000 ? `${trimmed(value / 1000)} s` : `${trimmed(value)} ms`;
  }
  if (unit === "share") return `${trimmed(value * 100)} %`;
  if (unit === "usd") return value ? `$${value >= 1000 ? `${trimmed(value / 1000)} k` : trimmed(value)}` : "$0";
  for (const [size, letter] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    if (Math.abs(value) >= size) return `${trimmed(value / size)}${letter}`;
  }
  return trimmed(value);
}

function trimmed(value) {
  return String(Number(value.toPrecision(4)));
}

export function ownZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

// When a step begins: a day of the tenant's zone, or a moment in the viewer's.
export function stepName(chart, place) {
  const at = new Date(chart.edges[place] * 1000);
  if (chart.zone) {
    return new Intl.DateTimeFormat("en-GB", {
      timeZone: chart.zone, weekday: "short", day: "numeric", month: "short", year: "numeric",
    }).format(at);
  }
  return moment(at);
}

export function moment(at, { weekday = "short", second } = {}) {
  return new Intl.DateTimeFormat("en-GB", {
    weekday: weekday ?? undefined, second, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  }).format(at);
}

// Below an axis: days, or times with the day where a new one begins.
export function times(zone, splits, step) {
  let day = "";
  return splits.map((seconds) => {
    const at = new Date(seconds * 1000);
    const date = new Intl.DateTimeFormat("en-GB", { timeZone: zone || undefined, day: "numeric", month: "short" }).format(at);
    const isNew = date !== day;
    day = date;
    if (zone) return isNew ? date : "";
    const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
    if (step >= 86400) return date;
    return isNew ? `${time}\n${date}` : time;
  });
}

export function spanName(start, end) {
  return [start, end].map((at) => moment(new Date(at), { weekday: null })).join(" – ");
}

// What a field of type datetime-local holds, in the viewer's zone, and back.
export function toField(iso) {
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

export function fromField(text) {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? "" : minuteOf(at.getTime() / 1000);
}

// As addresses have times: to the minute, of UTC.
export function minuteOf(seconds) {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16)}Z`;
}
