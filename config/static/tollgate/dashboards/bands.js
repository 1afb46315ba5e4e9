// Intervals that values lie in, shaded below their lines: of few lines, for those of many would cover each other.

const MOST = 2;

// `lines`: what is drawn, each a series of the chart's data; `colourOf` a line's colour.
export function drawBands(plot, edges, lines, colourOf) {
  const { ctx } = plot;
  const shaded = lines.filter((item) => item.low?.length);
  if (shaded.length > MOST) return;
  ctx.save();
  ctx.globalAlpha = 0.16;
  for (const item of shaded) {
    ctx.fillStyle = colourOf(item);
    for (const [first, last] of stretches(item.low)) fill(plot, edges, item, first, last);
  }
  ctx.restore();
}

// Steps next to each other that have an interval: the first and the last of each.
function stretches(values) {
  const found = [];
  values.forEach((value, place) => {
    if (value === null) return;
    const before = found.at(-1);
    if (before?.[1] === place - 1) before[1] = place;
    else found.push([place, place]);
  });
  return found;
}

// One that stands alone is a narrow bar.
function fill(plot, edges, item, first, last) {
  const { ctx } = plot;
  const half = first === last ? 3 * devicePixelRatio : 0;
  const x = (place) => plot.valToPos(edges[place], "x", true);
  const y = (value) => plot.valToPos(value, "y", true);
  ctx.beginPath();
  ctx.moveTo(x(first) - half, y(item.high[first]));
  for (let place = first; place <= last; place += 1) ctx.lineTo(x(place) + half, y(item.high[place]));
  for (let place = last; place >= first; place -= 1) ctx.lineTo(x(place) + half, y(item.low[place]));
  if (half) ctx.lineTo(x(first) - half, y(item.low[first]));
  ctx.closePath();
  ctx.fill();
}
