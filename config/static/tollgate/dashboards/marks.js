// Levels and bands that a chart's values are to be seen beside: drawn below the lines, named above them.

function placed(plot, marks, palette) {
  return marks
    .filter((mark) => mark.low <= plot.scales.y.max)
    .map((mark) => ({
      ...mark,
      colour: palette.marks[mark.tone],
      bottom: plot.valToPos(mark.low, "y", true),
      top: plot.valToPos(Math.min(mark.high ?? mark.low, plot.scales.y.max), "y", true),
    }));
}

export function drawMarks(plot, marks, palette) {
  const { ctx, bbox } = plot;
  ctx.save();
  for (const mark of placed(plot, marks, palette)) {
    ctx.fillStyle = ctx.strokeStyle = mark.colour;
    if (mark.high !== null) {
      ctx.globalAlpha = 0.14;
      ctx.fillRect(bbox.left, mark.top, bbox.width, mark.bottom - mark.top);
      ctx.globalAlpha = 1;
    } else {
      ctx.lineWidth = devicePixelRatio * 1.5;
      ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, mark.bottom);
      ctx.lineTo(bbox.left + bbox.width, mark.bottom);
      ctx.stroke();
      ctx.setLineDash([]);
    }
  }
  ctx.restore();
}

// With a rim of the ground's colour, so that they can be read across lines.
export function nameMarks(plot, marks, palette) {
  const { ctx, bbox } = plot;
  const right = bbox.left + bbox.width - 4 * devicePixelRatio;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}px Inter, sans-serif`;
  ctx.textAlign = "right";
  ctx.lineJoin = "round";
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.strokeStyle = palette.ground;
  for (const mark of placed(plot, marks, palette)) {
    const y = mark.top + (mark.high === null ? -4 : 12) * devicePixelRatio;
    ctx.strokeText(mark.label, right, y);
    ctx.fillStyle = mark.colour;
    ctx.fillText(mark.label, right, y);
  }
  ctx.restore();
}
