// Suggestions under the filter: a combobox with a list (WAI-ARIA). Only the term at the caret is completed.
const PAUSE_MS = 120;
let count = 0;

// Where the term at the caret begins and ends: between commas that are not quoted.
export function termAt(text, caret) {
  let start = 0, end = text.length, quoted = false, escaped = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (escaped) escaped = false;
    else if (quoted && character === "\\") escaped = true;
    else if (character === '"') quoted = !quoted;
    else if (character === "," && !quoted) {
      if (at < caret) start = at + 1;
      else { end = at; break; }
    }
  }
  return { start, end };
}

export function suggest(field) {
  const list = document.createElement("ul");
  list.id = `suggestions-${++count}`;
  list.className = "suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Suggestions");
  list.hidden = true;
  field.after(list);
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-expanded", "false");
  field.setAttribute("aria-controls", list.id);
  let chosen = -1, timer, asked = 0;

  const close = () => {
    list.hidden = true;
    chosen = -1;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  };

  const choose = at => {
    const options = [...list.children];
    chosen = (at + options.length) % options.length;
    options.forEach((option, place) => option.setAttribute("aria-selected", String(place === chosen)));
    options[chosen].scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", options[chosen].id);
  };

  const take = option => {
    const { start, end } = termAt(field.value, field.selectionStart);
    const before = field.value.slice(0, start), after = field.value.slice(end);
    const term = `${start > 0 ? " " : ""}${option.dataset.term}`;
    field.value = before + term + after;
    const caret = before.length + term.length;
    field.setSelectionRange(caret, caret);
    close();
    if (option.dataset.open) ask(); else field.focus();
  };

  const show = suggestions => {
    list.replaceChildren(...suggestions.map((suggestion, at) => {
      const option = document.createElement("li");
      option.id = `${list.id}-${at}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.dataset.term = suggestion.term;
      if (suggestion.open) option.dataset.open = "yes";
      option.textContent = suggestion.term;
      if (suggestion.count != null) option.append(" ", Object.assign(document.createElement("span"), { className: "dim small", textContent: suggestion.count }));
      // before the field loses the focus
      option.addEventListener("pointerdown", event => { event.preventDefault(); take(option); });
      return option;
    }));
    chosen = -1;
    list.hidden = suggestions.length === 0;
    field.setAttribute("aria-expanded", String(!list.hidden));
  };

  const ask = async () => {
    const { start, end } = termAt(field.value, field.selectionStart);
    const mine = ++asked;
    try {
      const response = await fetch(`${field.dataset.suggest}?${new URLSearchParams({ text: field.value.slice(start, end).trim() })}`);
      const suggestions = response.ok ? await response.json() : [];
      if (mine === asked && document.activeElement === field) show(suggestions);
    } catch { close(); }
  };

  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, PAUSE_MS); });
  field.addEventListener("focus", () => { clearTimeout(timer); timer = setTimeout(ask, PAUSE_MS); });
  field.addEventListener("blur", close);
  field.addEventListener("keydown", event => {
    if (list.hidden) return;
    if (event.key === "ArrowDown") { event.preventDefault(); choose(chosen + 1); }
    else if (event.key === "ArrowUp") { event.preventDefault(); choose(chosen - 1); }
    else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) { event.preventDefault(); take(list.children[chosen]); }
    else if (event.key === "Escape") { event.stopPropagation(); close(); }
  });
}
