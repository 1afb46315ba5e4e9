// Weights count for one strategy only.
{
  const strategy = document.getElementById("id_strategy");
  const targets = document.getElementById("targets-group");

  function showWeights() {
    targets.classList.toggle("tg-no-weights", strategy.value !== "weighted");
  }

  if (strategy && targets) {
    strategy.addEventListener("change", showWeights);
    showWeights();
  }
}
