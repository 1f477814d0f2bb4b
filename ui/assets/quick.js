// Forms that are sent without leaving the page. Where the name of somebody is known, one click is enough.
function known(form) {
  const field = form.querySelector("input[name=by]");
  return field && field.value.trim() !== "";
}

// Names that are remembered need not be seen; site.js fills them in when the page is loaded, this in cards that come later.
export function fillNames(root) {
  let name = "";
  try { name = localStorage.getItem("watchfire-by") ?? ""; } catch { /* storage may be off */ }
  for (const form of root.querySelectorAll("form[data-quick]")) {
    const field = form.querySelector("input[name=by]");
    if (field && !field.value && name) field.value = name;
    form.classList.toggle("knows-who", known(form));
  }
}

async function send(form, submitter, merge) {
  const body = new URLSearchParams(new FormData(form, submitter));
  const field = form.querySelector("input[name=by]");
  try { if (field?.value) localStorage.setItem("watchfire-by", field.value); } catch { /* not remembered then */ }
  const response = await fetch(form.action, { method: "POST", body, headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  tell(page.querySelector(".wrong, .notice")?.textContent ?? (response.ok ? "Done." : `The server answered ${response.status}.`), response.ok);
  if (response.ok) merge(page);
}

// What came of it, for eyes and for readers.
export function tell(text, ok) {
  let place = document.getElementById("told");
  if (!place) {
    place = Object.assign(document.createElement("p"), { id: "told" });
    place.setAttribute("role", "status");
    document.getElementById("main").prepend(place);
  }
  place.className = ok ? "notice toast" : "wrong toast";
  place.textContent = text;
  clearTimeout(tell.timer);
  if (ok) tell.timer = setTimeout(() => place.remove(), 6000);
}

export function quicken(root, merge) {
  fillNames(root);
  document.addEventListener("submit", event => {
    const form = event.target;
    if (!form.matches("form[data-quick]") || event.defaultPrevented) return;
    event.preventDefault();
    const buttons = [...form.querySelectorAll("button")];
    for (const button of buttons) button.disabled = true;
    form.closest("details")?.removeAttribute("open");
    send(form, event.submitter, merge)
      .catch(error => tell(`That could not be sent: ${error.message}`, false))
      .finally(() => { for (const button of buttons) button.disabled = false; fillNames(document); });
  });
}
