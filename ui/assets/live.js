// Cards that follow what happens: only those that changed are put in place of the old ones, and the reader's place is kept.
import { localise } from "./times.js";
import { fillNames } from "./quick.js";

let cards;
let source;

// What somebody has open, typed or chosen in a card.
function keep(card) {
  const active = card.contains(document.activeElement) ? document.activeElement : null;
  const fields = [...card.querySelectorAll("input:not([type=hidden]), select, textarea")];
  return {
    open: [...card.querySelectorAll("details[open]")].map(details => details.dataset.keep),
    values: fields.map(field => field.value),
    focus: active === card ? "card" : active && [...card.querySelectorAll("a, button, input, select, summary, textarea")].indexOf(active),
  };
}

function restore(card, kept) {
  for (const details of card.querySelectorAll("details")) if (kept.open.includes(details.dataset.keep)) details.open = true;
  const fields = [...card.querySelectorAll("input:not([type=hidden]), select, textarea")];
  if (fields.length === kept.values.length) fields.forEach((field, at) => { field.value = kept.values[at]; });
  if (kept.focus === "card") card.focus({ preventScroll: true });
  else if (kept.focus != null && kept.focus >= 0) [...card.querySelectorAll("a, button, input, select, summary, textarea")][kept.focus]?.focus({ preventScroll: true });
}

// The card at the top of the window stays where it is.
function holdingPlace(change) {
  const seen = [...cards.children].find(card => card.getBoundingClientRect().bottom > 0);
  const key = seen?.dataset.card;
  const before = seen?.getBoundingClientRect().top;
  change();
  const after = key && document.getElementById(`c-${key}`);
  if (after && window.scrollY > 0) window.scrollBy({ top: after.getBoundingClientRect().top - before, behavior: "instant" });
}

// The cards in this order, each as `find` says, or as it is.
function arrange(order, find) {
  holdingPlace(() => {
    const wanted = new Set(order);
    for (const card of [...cards.children]) if (!wanted.has(card.dataset.card)) card.remove();
    order.forEach((key, at) => {
      let card = document.getElementById(`c-${key}`);
      const fresh = find(key);
      if (fresh && fresh.dataset.hash !== card?.dataset.hash) {
        localise(fresh);
        if (card) {
          const kept = keep(card);
          card.replaceWith(fresh);
          fillNames(fresh);
          restore(fresh, kept);
        } else {
          fillNames(fresh);
          fresh.classList.add("fresh");
        }
        card = fresh;
      }
      // Moving a card takes the focus from it: only those move that must.
      if (card && cards.children[at] !== card) cards.insertBefore(card, cards.children[at] ?? null);
    });
  });
  document.getElementById("none")?.toggleAttribute("hidden", order.length > 0);
}

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function head(html) {
  const place = document.getElementById("head");
  if (place.contains(document.activeElement)) return;
  const template = document.createElement("template");
  template.innerHTML = html;
  place.replaceChildren(template.content);
  say("live");
}

function say(text) {
  const place = document.getElementById("live");
  if (place) place.textContent = `· ${text}`;
}

// Another rendering of this page, such as the answer to a form.
export function merge(page) {
  const fresh = new Map([...page.querySelectorAll("[data-card]")].map(card => [card.dataset.card, document.importNode(card, true)]));
  const newHead = page.getElementById("head");
  if (newHead) head(newHead.innerHTML);
  if (page.getElementById("cards")) arrange([...fresh.keys()], key => fresh.get(key));
}

function open() {
  if (source || document.hidden) return;
  const have = [...cards.children].map(card => card.dataset.hash).join(".");
  const address = cards.dataset.live;
  source = new EventSource(`${address}${address.endsWith("?") ? "" : "&"}have=${have}`);
  source.onopen = () => say("live");
  source.onerror = () => {
    say(source?.readyState === EventSource.CLOSED ? "not live: load the page again" : "connecting…");
    if (source?.readyState === EventSource.CLOSED) close();
  };
  source.onmessage = event => {
    const change = JSON.parse(event.data);
    if (change.head) head(change.head);
    arrange(change.order, key => change.cards[key] && parsed(change.cards[key]));
    document.body.dataset.changes = String(Number(document.body.dataset.changes ?? 0) + 1);
  };
}

function close() {
  source?.close();
  source = undefined;
}

export function follow(place) {
  cards = place;
  if (!cards || !("EventSource" in window)) return;
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
}
