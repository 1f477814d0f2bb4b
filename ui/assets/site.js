// What every page has: the theme switch, times in the viewer's zone, keyboard shortcuts.
import { localise, tellZone } from "./times.js";
import { listenForKeys } from "./keys.js";

const THEMES = ["auto", "dark", "light"];

function chosenTheme() {
  return document.documentElement.dataset.theme ?? "auto";
}

function choose(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "auto") localStorage.removeItem("watchfire-theme");
    else localStorage.setItem("watchfire-theme", theme);
  } catch { /* storage may be off: the choice holds for this page */ }
}

function themeSwitch() {
  const button = document.getElementById("theme");
  if (!button) return;
  const tell = () => {
    button.textContent = { auto: "◐", dark: "☾", light: "☀" }[chosenTheme()];
    button.setAttribute("aria-label", `Theme: ${chosenTheme()}`);
    button.title = `Theme: ${chosenTheme()}`;
  };
  button.addEventListener("click", () => {
    choose(THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length]);
    tell();
  });
  tell();
  button.hidden = false;
}

// Who somebody is, in forms that ask for it: remembered here, as Alertmanager's UI does.
function rememberNames() {
  try {
    const known = localStorage.getItem("watchfire-by");
    for (const field of document.querySelectorAll("input[data-remember=by]")) {
      if (known && !field.value) field.value = known;
    }
  } catch { return; }
  document.addEventListener("submit", event => {
    const field = event.target.querySelector?.("input[data-remember=by]");
    try { if (field?.value) localStorage.setItem("watchfire-by", field.value); } catch { /* not remembered then */ }
  });
}

// Buttons that end something ask first.
document.addEventListener("submit", event => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

themeSwitch();
rememberNames();
tellZone();
localise(document);
listenForKeys();
