// Keyboard shortcuts: whatever carries data-keys is clicked (or focused, if it is a field). "g a" is one key after the other.
// The list is made of the same attributes. data-keys-label names an entry whose text does not.
const PAUSE_MS = 1200;
let begun = "";
let begunAt = 0;

const isField = element => element?.closest?.("input, textarea, select, [contenteditable]") != null;

function isShown(element) {
  return element.getClientRects().length > 0 && !element.disabled;
}

function find(keys) {
  return [...document.querySelectorAll("[data-keys]")].find(element => element.dataset.keys === keys && isShown(element));
}

function isBeginning(key) {
  return [...document.querySelectorAll("[data-keys]")].some(element => element.dataset.keys.startsWith(`${key} `));
}

// j and k go from card to card.
function step(by) {
  const cards = [...document.querySelectorAll("[data-card]")];
  if (cards.length === 0) return false;
  const at = cards.indexOf(document.activeElement?.closest?.("[data-card]"));
  const next = cards[Math.min(Math.max(at + by, 0), cards.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (isField(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  const now = event.timeStamp;
  const keys = begun && now - begunAt < PAUSE_MS ? `${begun} ${event.key}` : event.key;
  begun = "";
  const inCard = document.activeElement?.closest?.("[data-card]")?.querySelector(`[data-card-keys="${CSS.escape(keys)}"]`);
  const target = inCard ?? find(keys);
  if (target) {
    event.preventDefault();
    if (isField(target)) { target.focus(); target.select?.(); } else target.click();
  } else if (keys === "j" || keys === "k") {
    if (step(keys === "j" ? 1 : -1)) event.preventDefault();
  } else if (isBeginning(keys)) {
    begun = keys;
    begunAt = now;
  }
}

function labelOf(element) {
  return element.dataset.keysLabel || element.getAttribute("aria-label") || element.textContent.trim() || element.getAttribute("placeholder") || "";
}

function list() {
  const body = document.getElementById("keys-list");
  const known = new Map();
  for (const element of document.querySelectorAll("[data-keys]")) known.set(element.dataset.keys, labelOf(element));
  for (const element of document.querySelectorAll("[data-card-keys]")) known.set(element.dataset.cardKeys, `${labelOf(element)} (of the chosen card)`);
  if (document.querySelector("[data-card]")) known.set("j / k", "Next, previous card");
  body.replaceChildren(...[...known].map(([keys, label]) => {
    const row = document.createElement("tr");
    const key = document.createElement("th");
    key.scope = "row";
    key.append(...keys.split(" ").map(one => Object.assign(document.createElement("kbd"), { textContent: one })));
    const text = Object.assign(document.createElement("td"), { textContent: label });
    row.append(key, text);
    return row;
  }));
}

export function listenForKeys() {
  document.addEventListener("keydown", onKey);
  const open = document.getElementById("keys-open");
  const dialog = document.getElementById("keys");
  if (!open || !dialog) return;
  open.hidden = false;
  open.textContent = "?";
  open.setAttribute("aria-label", "Keyboard shortcuts");
  open.addEventListener("click", () => { list(); dialog.showModal(); });
}
