// Draws one chart with uPlot: lines, or areas and bars on top of each other; marks; a tooltip; a legend whose entries switch lines off;
// dragging zooms in, a click leads to the requests. Everything that the mouse does, the keyboard does too.

import { endOf, requestsOf, zoomed } from "./addresses.js";
import { drawBands } from "./bands.js";
import { colours } from "./colours.js";
import { drawMarks, nameMarks } from "./marks.js";
import { element, fillTip, swatched } from "./tip.js";
import { stepName, ticked, times, written } from "./writing.js";

const HEIGHT = 240;
const SMALLEST_DRAG = 8;
const SPARSE = 31; // values that are few enough to be drawn as points
const uPlot = globalThis.uPlot;

export class Chart {
  constructor(holder, data, { hidden, open }) {
    this.holder = holder;
    this.data = data;
    this.hidden = hidden; // labels that are switched off; outlives the chart, which a refresh replaces
    this.open = open;
    this.place = null;
    this.selected = null;
    this.isStacked = data.shape !== "line";
    this.legend = element("div", "tg-legend-lines");
    this.frame = element("div", "tg-chart-frame");
    this.frame.tabIndex = 0;
    this.frame.setAttribute("role", "group");
    this.frame.setAttribute("aria-label", `${data.title}. ${holder.dataset.sayChart}`);
    this.tip = element("div", "tg-tip");
    this.tip.hidden = true;
    this.said = element("div", "tg-unseen");
    this.said.setAttribute("role", "status");
    holder.replaceChildren(this.legend, this.frame, this.said);
    this.draw();
    this.frame.addEventListener("keydown", (event) => this.onKey(event));
    this.frame.addEventListener("blur", () => this.leave());
    this.watcher = new ResizeObserver(() => this.plot.setSize({ width: this.width(), height: HEIGHT }));
    this.watcher.observe(holder);
  }

  destroy() {
    this.watcher.disconnect();
    this.plot.destroy();
  }

  width() {
    return Math.max(200, this.holder.clientWidth);
  }

  redraw() {
    this.plot.destroy();
    this.draw();
  }

  draw() {
    this.palette = colours();
    this.drawn = this.order();
    this.plot = new uPlot(this.options(), this.columns(), this.frame);
    this.plot.over.append(this.tip);
    this.plot.over.addEventListener("click", () => this.onClick());
    this.listLegend();
  }

  // The lines in the order in which they are drawn: of stacked ones the highest first, so that each covers what is below the next; else
  // the first one last, since it counts most.
  order() {
    const present = this.data.series.filter((item) => !item.isBefore);
    const before = this.data.series.filter((item) => item.isBefore);
    return this.isStacked ? [...present.reverse(), ...before] : [...before, ...present.reverse()];
  }

  columns() {
    const shown = (item) => !this.hidden.has(item.label);
    if (!this.isStacked) return [this.data.edges, ...this.drawn.map((item) => item.values)];
    const sums = new Map();
    const total = this.data.edges.map(() => 0);
    for (const item of this.data.series.filter((item) => !item.isBefore)) {
      if (shown(item)) item.values.forEach((value, place) => (total[place] += value ?? 0));
      sums.set(item, [...total]);
    }
    return [this.data.edges, ...this.drawn.map((item) => sums.get(item) ?? item.values)];
  }

  colourOf(item) {
    return item.colour < 0 ? this.palette.others : this.palette.lines[item.colour % this.palette.lines.length];
  }

  lineOf(item) {
    const colour = this.colourOf(item);
    const line = { label: item.label, show: !this.hidden.has(item.label), stroke: colour, width: 2, points: { show: false } };
    if (item.isBefore) return { ...line, dash: [5, 4], width: 1.5, alpha: 0.8 };
    if (this.data.shape === "bars") {
      return { ...line, width: 0, fill: colour, paths: uPlot.paths.bars({ size: [0.75, 60], align: 1 }) };
    }
    if (this.data.shape === "area") return { ...line, width: 1, fill: colour };
    return { ...line, points: { show: true, size: 5, fill: colour, filter: () => this.lonely(item.values) } };
  }

  // Values that are drawn as points, too: of few all, of many those without a neighbour, which a line would not show.
  lonely(values) {
    const known = values.map((value, place) => (value === null ? -1 : place)).filter((place) => place >= 0);
    if (known.length <= SPARSE) return known;
    return known.filter((place) => (values[place - 1] ?? null) === null && (values[place + 1] ?? null) === null);
  }

  options() {
    const { grid, text } = this.palette;
    const axis = { stroke: text, font: "12px Inter, sans-serif", grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    const zone = this.data.zone;
    return {
      width: this.width(),
      height: HEIGHT,
      tzDate: (seconds) => (zone ? uPlot.tzDate(new Date(seconds * 1000), zone) : new Date(seconds * 1000)),
      legend: { show: false },
      padding: [10, 26, 0, 0],
      cursor: {
        y: false,
        drag: { x: !this.data.isFixed, y: false, setScale: false },
        points: { show: !this.isStacked, size: 7 },
      },
      scales: {
        x: { time: true, range: () => [this.data.edges[0], this.lastMoment()] },
        y: { range: (_plot, _low, high) => [0, this.highest(high)] },
      },
      axes: [
        { ...axis, grid: { show: false }, space: 70, size: zone ? 30 : 44, values: (_plot, splits, _a, _s, step) => times(zone, splits, step) },
        {
          ...axis,
          size: 62,
          incrs: this.data.unit === "count" ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7, 1e8] : undefined,
          values: (_plot, splits) => splits.map((value) => ticked(value, this.data.unit)),
        },
      ],
      series: [{}, ...this.drawn.map((item) => this.lineOf(item))],
      hooks: {
        drawClear: [(plot) => this.drawBelow(plot)],
        draw: [(plot) => nameMarks(plot, this.data.marks, this.palette)],
        setCursor: [(plot) => this.onCursor(plot)],
        setSelect: [(plot) => this.onSelect(plot)],
      },
    };
  }

  drawBelow(plot) {
    drawMarks(plot, this.data.marks, this.palette);
    drawBands(plot, this.data.edges, this.drawn.filter((item) => !this.hidden.has(item.label)), (item) => this.colourOf(item));
  }

  lastMoment() {
    const { edges, end, shape } = this.data;
    const step = edges.length > 1 ? edges[1] - edges[0] : 60;
    return shape === "bars" ? edges.at(-1) + step : Math.max(edges.length > 1 ? edges.at(-1) : end, edges[0] + 60);
  }

  // A line mark is worth the room it takes, unless what is measured would become a flat line for it.
  highest(high) {
    let most = high || 1;
    for (const mark of this.data.marks) {
      const level = mark.high ?? mark.low;
      if (level <= most * 4) most = Math.max(most, level * 1.02);
    }
    const limit = this.data.unit === "share" ? 1 : Infinity;
    return Math.min(most * 1.08, Math.max(limit, most));
  }

  listLegend() {
    const several = this.data.series.length > 1;
    this.legend.replaceChildren(
      ...this.data.series.map((item) => {
        const entry = element(several ? "button" : "span", "tg-legend-line");
        entry.append(...swatched(item, this.colourOf(item)));
        if (several) {
          entry.type = "button";
          entry.setAttribute("aria-pressed", String(!this.hidden.has(item.label)));
          entry.addEventListener("click", () => this.toggle(item, entry));
        }
        return entry;
      }),
    );
  }

  toggle(item, entry) {
    if (!this.hidden.delete(item.label)) this.hidden.add(item.label);
    entry.setAttribute("aria-pressed", String(!this.hidden.has(item.label)));
    this.plot.batch(() => {
      this.drawn.forEach((each, place) => this.plot.setSeries(place + 1, { show: !this.hidden.has(each.label) }));
      this.plot.setData(this.columns());
    });
  }

  // What is under the cursor: a bar holds for its whole step, a point for what is nearest.
  onCursor(plot) {
    const { left } = plot.cursor;
    if (left === undefined || left < 0) {
      if (!this.frame.matches(":focus-visible")) this.leave();
      return;
    }
    this.show(this.data.shape === "bars" ? this.stepAt(plot.posToVal(left, "x")) : plot.cursor.idx, left);
  }

  stepAt(seconds) {
    const after = this.data.edges.findIndex((edge) => edge > seconds);
    return after < 0 ? this.data.edges.length - 1 : Math.max(0, after - 1);
  }

  show(place, left) {
    if (place === null || place === undefined) return;
    this.place = place;
    const shown = this.data.series.filter((item) => !this.hidden.has(item.label));
    fillTip(this.tip, this.data, place, shown, (item) => this.colourOf(item), this.holder.dataset);
    this.tip.hidden = false;
    const room = this.plot.over.clientWidth;
    const isRight = left > room / 2;
    this.tip.style.left = isRight ? "" : `${Math.min(left + 14, room - 20)}px`;
    this.tip.style.right = isRight ? `${room - left + 14}px` : "";
  }

  leave() {
    this.tip.hidden = true;
    this.place = null;
  }

  onSelect(plot) {
    const { left, width } = plot.select;
    if (this.isByKey || width < SMALLEST_DRAG) return;
    const first = this.stepAt(plot.posToVal(left, "x"));
    const last = this.stepAt(plot.posToVal(left + width, "x"));
    this.wasDragged = true;
    this.zoom(first, last);
  }

  zoom(first, last) {
    this.open(zoomed(this.data, first, last));
  }

  onClick() {
    if (this.wasDragged || this.plot.select.width >= SMALLEST_DRAG) {
      this.wasDragged = false;
      return;
    }
    if (!this.data.isFixed && this.place !== null) location.assign(requestsOf(this.data, this.place, this.nearest()));
  }

  // The line under the mouse, if one is near; of bars, the one that the mouse is in.
  nearest() {
    const { top } = this.plot.cursor;
    const lines = this.drawn
      .map((item, index) => ({ item, value: this.plot.data[index + 1][this.place] }))
      .filter(({ item, value }) => !item.isBefore && !this.hidden.has(item.label) && value !== null && value !== undefined)
      .map(({ item, value }) => ({ item, y: this.plot.valToPos(value, "y") }));
    if (this.isStacked) {
      const inside = lines.filter(({ item, y }) => y <= top && item.values[this.place]);
      return inside.at(-1)?.item;
    }
    const near = lines.sort((a, b) => Math.abs(a.y - top) - Math.abs(b.y - top))[0];
    return near && Math.abs(near.y - top) < 24 ? near.item : undefined;
  }

  onKey(event) {
    const last = this.data.edges.length - 1;
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -last - 1, End: last + 1 };
    if (event.key in moves) {
      event.preventDefault();
      const from = this.place ?? (moves[event.key] > 0 ? -1 : last + 1);
      const place = Math.min(last, Math.max(0, from + moves[event.key]));
      this.selected = event.shiftKey ? [this.selected?.[0] ?? Math.max(0, Math.min(last, from)), place] : null;
      this.moveTo(place);
    } else if (event.key === "Escape") {
      this.selected = null;
      this.markSelected();
      this.leave();
    } else if (event.key === "Enter" && this.place !== null && !this.data.isFixed) {
      if (this.selected) this.zoom(Math.min(...this.selected), Math.max(...this.selected));
      else location.assign(requestsOf(this.data, this.place));
    }
  }

  moveTo(place) {
    const { edges } = this.data;
    const at = this.data.shape === "bars" ? (edges[place] + endOf(this.data, place)) / 2 : edges[place];
    const left = this.plot.valToPos(at, "x");
    this.plot.setCursor({ left, top: 0 });
    this.show(place, left);
    this.markSelected();
    const values = this.data.series
      .filter((item) => !this.hidden.has(item.label))
      .map((item) => `${item.label} ${written(item.values[place], this.data.unit)}`);
    this.said.textContent = `${stepName(this.data, place)}: ${values.join(", ")}`;
  }

  markSelected() {
    const [a, b] = this.selected ?? [0, 0];
    const left = this.plot.valToPos(this.data.edges[Math.min(a, b)], "x");
    const right = Math.min(this.plot.over.clientWidth, this.plot.valToPos(endOf(this.data, Math.max(a, b)), "x"));
    this.isByKey = true;
    this.plot.setSelect({ left, top: 0, width: this.selected ? right - left : 0, height: this.plot.over.clientHeight }, false);
    this.isByKey = false;
  }
}
