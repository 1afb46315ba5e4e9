// Ends that keys often have, beside the date's own inputs.

const presets = document.querySelector("[data-expiry-presets]");
const date = document.getElementById("id_expires_at_0");
const time = document.getElementById("id_expires_at_1");
if (presets && date && time) {
  date.closest(".datetime").after(presets);
  presets.hidden = false;
  presets.addEventListener("click", (event) => {
    const days = event.target.dataset.days;
    if (days === undefined) return;
    const end = new Date(Date.now() + Number(days) * 24 * 60 * 60 * 1000);
    date.value = days && [end.getFullYear(), end.getMonth() + 1, end.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
    time.value = days && "23:59:00";
    date.dispatchEvent(new Event("change", { bubbles: true }));
  });
}
