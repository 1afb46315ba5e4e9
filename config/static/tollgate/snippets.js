// Tabs of code. Without this script all of it stands on the page, one below the other. The language chosen last is kept.

const KEPT = "tollgate-language";

function choose(tabs, chosen) {
  for (const tab of tabs) {
    const isChosen = tab === chosen;
    tab.setAttribute("aria-selected", isChosen);
    tab.tabIndex = isChosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
  }
}

for (const box of document.querySelectorAll("[data-snippets]")) {
  const tabs = [...box.querySelectorAll("[role=tab]")];
  box.querySelector("[role=tablist]").hidden = false;
  const kept = localStorage.getItem(KEPT);
  choose(tabs, tabs.find((tab) => tab.id === kept) ?? tabs[0]);
  for (const tab of tabs) {
    tab.addEventListener("click", () => {
      choose(tabs, tab);
      localStorage.setItem(KEPT, tab.id);
    });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -tabs.indexOf(tab), End: tabs.length - 1 - tabs.indexOf(tab) }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const to = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      to.focus();
      to.click();
    });
  }
}
