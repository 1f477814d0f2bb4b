// The form of a silence: rows that come and go, a preview while somebody types, names and values from the alerts that fire,
// times on the viewer's clock. Without it every button sends the form, and the page comes back with the answer.
import { localise } from "./times.js";

const PREVIEW_AFTER_MS = 350;
const SUGGEST_AFTER_MS = 200;
const root = document.body.dataset.root;
const form = document.getElementById("silence-form");
const outcome = document.getElementById("outcome");
const rows = document.getElementById("rows");
const field = name => form.elements.namedItem(name);

// --- times: the server writes them on UTC's clock, and takes them on the clock `zone` names.
const pad = number => String(number).padStart(2, "0");
function written(at) {
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

function useOwnZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || zone === "UTC" || field("zone").value !== "UTC") return;
  for (const name of ["starts", "ends", "until", "shown_ends"]) {
    const at = new Date(`${field(name).value}Z`);
    if (!Number.isNaN(at.getTime())) field(name).value = written(at);
  }
  field("zone").value = zone;
  for (const place of form.querySelectorAll(".zone")) place.textContent = zone;
  if (!field("cron").value) field("timezone").value = zone;
}

// 1d12h in milliseconds; none of what is no duration.
const UNITS = { w: 604800e3, d: 86400e3, h: 3600e3, m: 60e3, s: 1e3, ms: 1 };
export function lengthOf(text) {
  const plain = text.replace(/\s+/g, "");
  if (!/^(\d+(ms|[wdhms]))+$/.test(plain)) return undefined;
  return [...plain.matchAll(/(\d+)(ms|[wdhms])/g)].reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit], 0);
}

export function textOf(length) {
  let seconds = Math.round(length / 1000);
  let text = "";
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]]) {
    const count = Math.floor(seconds / size);
    if (count > 0) text += `${count}${unit}`;
    seconds %= size;
  }
  return text || "0s";
}

const start = () => (field("starts").value ? new Date(field("starts").value) : new Date());

function endFollows() {
  const length = lengthOf(field("duration").value);
  if (length !== undefined) field("ends").value = written(new Date(start().getTime() + length));
  field("ends_by").value = "duration";
}

function durationFollows() {
  const length = new Date(field("ends").value).getTime() - start().getTime();
  if (length > 0) field("duration").value = textOf(length);
  field("ends_by").value = "end";
}

function coupleTimes() {
  field("duration").addEventListener("input", endFollows);
  field("ends").addEventListener("input", durationFollows);
  field("starts").addEventListener("input", endFollows);
  const presets = document.getElementById("presets");
  presets.hidden = false;
  presets.addEventListener("click", event => {
    const { duration } = event.target.dataset;
    if (!duration) return;
    field("duration").value = duration;
    endFollows();
    previewSoon();
  });
  if (!field("ends").value) { endFollows(); field("ends_by").value = ""; field("shown_ends").value = field("ends").value; field("shown_duration").value = field("duration").value; }
  const showEnds = () => { for (const part of form.querySelectorAll(".once")) part.hidden = field("recurs").checked; };
  field("recurs").addEventListener("change", showEnds);
  showEnds();
}

// --- rows
function number() {
  rows.querySelectorAll("[data-row]").forEach((row, at) => {
    row.querySelector("[name=name]").setAttribute("aria-label", `Label ${at + 1}`);
    row.querySelector("[name=op]").setAttribute("aria-label", `Operator ${at + 1}`);
    row.querySelector("[name=value]").setAttribute("aria-label", `Value ${at + 1}`);
    const remove = row.querySelector("button");
    remove.setAttribute("aria-label", `Remove matcher ${at + 1}`);
    remove.value = `remove-${at + 1}`;
  });
}

function addRow() {
  rows.append(document.getElementById("row").content.cloneNode(true));
  number();
  rows.lastElementChild.querySelector("[name=name]").focus();
}

function editRows() {
  document.getElementById("add-row").addEventListener("click", event => { event.preventDefault(); addRow(); });
  rows.addEventListener("click", event => {
    const button = event.target.closest("button[value^=remove]");
    if (!button) return;
    event.preventDefault();
    const row = button.closest("[data-row]");
    if (rows.querySelectorAll("[data-row]").length > 1) row.remove();
    else for (const input of row.querySelectorAll("input")) input.value = "";
    number();
    previewSoon();
  });
}

// --- names and values that there are
function unquoted(text) {
  try { return text.startsWith('"') ? JSON.parse(text) : text; } catch { return undefined; }
}

async function suggested(text) {
  const answer = await fetch(`${root}/alerts/suggest?text=${encodeURIComponent(text)}`);
  return answer.ok ? answer.json() : [];
}

function offer(list, values) {
  list.replaceChildren(...values.filter(value => value !== undefined).map(value => Object.assign(document.createElement("option"), { value })));
}

let suggesting = 0;
async function suggestFor(input) {
  const turn = ++suggesting;
  const isName = input.name === "name";
  const row = input.closest("[data-row]");
  const name = row.querySelector("[name=name]").value.trim();
  if (!isName && !name) return;
  const quotedName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) ? name : JSON.stringify(name);
  const found = await suggested(isName ? input.value : `${quotedName}=${input.value}`).catch(() => []);
  if (turn !== suggesting) return;
  if (isName) {
    offer(document.getElementById("label-names"), found.filter(one => one.open && !one.term.startsWith("@")).map(one => unquoted(one.term)));
    return;
  }
  let list = document.getElementById("label-values");
  if (!list) { list = Object.assign(document.createElement("datalist"), { id: "label-values" }); form.append(list); }
  for (const other of rows.querySelectorAll("[name=value][list]")) other.removeAttribute("list");
  offer(list, found.filter(one => one.term.startsWith(`${quotedName}=`)).map(one => unquoted(one.term.slice(quotedName.length + 1))));
  input.setAttribute("list", "label-values");
}

function suggest() {
  let timer;
  const soon = event => {
    if (!event.target.matches("#rows input")) return;
    clearTimeout(timer);
    timer = setTimeout(() => suggestFor(event.target), event.type === "focusin" ? 0 : SUGGEST_AFTER_MS);
  };
  rows.addEventListener("focusin", soon);
  rows.addEventListener("input", soon);
  if (Intl.supportedValuesOf) offer(document.getElementById("zones"), Intl.supportedValuesOf("timeZone"));
}

// --- the preview
let asking;
let timer;
function previewSoon() {
  clearTimeout(timer);
  timer = setTimeout(preview, PREVIEW_AFTER_MS);
}

function mark() {
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const mistake of outcome.querySelectorAll("[data-field]")) {
    const place = /^matcher-(\d+)$/.exec(mistake.dataset.field);
    const wrong = place ? rows.querySelectorAll("[data-row]")[place[1] - 1]?.querySelector("[name=value]") : form.querySelector(`[name="${CSS.escape(mistake.dataset.field)}"]`);
    wrong?.setAttribute("aria-invalid", "true");
  }
}

// What was opened stays open, what was checked stays checked.
function replace(html) {
  const open = new Set([...outcome.querySelectorAll("details[open]")].map(one => one.querySelector("summary").textContent.split(":")[0]));
  outcome.innerHTML = html;
  for (const one of outcome.querySelectorAll("details")) if (open.has(one.querySelector("summary").textContent.split(":")[0])) one.open = true;
  localise(outcome);
  mark();
}

async function preview() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  outcome.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${root}/silences/preview`, { method: "POST", body: new URLSearchParams(new FormData(form)), signal });
    const text = await answer.text();
    if (signal.aborted) return;
    if (answer.ok) replace(text); else { outcome.textContent = text; }
  } catch (error) {
    if (error.name === "AbortError") return;
    outcome.textContent = "The preview cannot be asked for now: press Preview.";
  }
  outcome.removeAttribute("aria-busy");
}

useOwnZone();
coupleTimes();
editRows();
suggest();
mark();
form.addEventListener("input", event => { if (!event.target.matches("[name=by], [name=comment], [name=sure]")) previewSoon(); });
document.getElementById("preview").addEventListener("click", event => { event.preventDefault(); preview(); });
if ([...rows.querySelectorAll("[name=name]")].some(input => input.value)) previewSoon();
