// Eight colours that can be told apart in each theme, also by those who do not see red and green alike.

const LIGHT = {
  lines: ["#0f7c85", "#b4530a", "#4f46e5", "#be185d", "#4d7c0f", "#0369a1", "#a21caf", "#92702a"],
  others: "#8a93a3",
  ground: "#ffffff",
  grid: "#e6e8ec",
  text: "#5b6472",
  marks: { warn: "#c2410c", good: "#15803d", plain: "#475569" },
};
const DARK = {
  lines: ["#2cc4c4", "#f5a04c", "#9a95ff", "#f472a8", "#a3d13c", "#5cb8f5", "#dd8bf0", "#d9b765"],
  others: "#7c8595",
  ground: "#111827",
  grid: "#2a303b",
  text: "#a6afbd",
  marks: { warn: "#fb923c", good: "#4ade80", plain: "#94a3b8" },
};

export function colours() {
  return document.documentElement.classList.contains("dark") ? DARK : LIGHT;
}
