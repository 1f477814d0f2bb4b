// Times in the viewer's zone, with UTC on hover; ages that go on.
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const AGES_EVERY_MS = 10_000;

const sameDay = (a, b) => a.toDateString() === b.toDateString();

// 3d 4h, 12s: as the server writes them.
export function lasting(seconds) {
  const units = [["d", Math.floor(seconds / 86400)], ["h", Math.floor(seconds / 3600) % 24], ["m", Math.floor(seconds / 60) % 60], ["s", Math.floor(seconds) % 60]];
  const first = units.findIndex(([, count]) => count > 0);
  if (first < 0) return "0s";
  return units.slice(first, first + 2).filter(([, count]) => count > 0).map(([unit, count]) => `${count}${unit}`).join(" ");
}

function show(time) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime())) return;
  const utc = at.toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC");
  const here = sameDay(at, new Date()) ? clock.format(at) : format.format(at);
  if (time.classList.contains("age")) {
    const seconds = (Date.now() - at.getTime()) / 1000;
    const text = lasting(Math.abs(seconds));
    if (time.textContent !== text) time.textContent = text;
    time.title = `${format.format(at)} · ${utc}`;
  } else if (!time.title) {
    time.textContent = here;
    time.title = utc;
  }
}

// Marks of plots: the clock, with the day where they have one. Days alone stay those of UTC.
function showMark(text) {
  const at = new Date(text.dataset.at);
  if (Number.isNaN(at.getTime()) || !text.textContent.includes(":")) return;
  const two = number => String(number).padStart(2, "0");
  const parts = text.textContent.split(":").length;
  const hours = [at.getHours(), at.getMinutes(), at.getSeconds()].slice(0, parts).map(two).join(":");
  text.textContent = text.textContent.includes("-") ? `${two(at.getMonth() + 1)}-${two(at.getDate())} ${hours}` : hours;
  const day = text.closest("figure")?.querySelector(".plot-day");
  if (day) day.textContent = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

export function localise(root) {
  for (const mark of root.querySelectorAll("svg text[data-at]")) showMark(mark);
  for (const time of root.querySelectorAll("time[datetime]")) show(time);
}

export function tellZone() {
  const zone = document.getElementById("zone");
  if (zone) zone.textContent = `times in ${Intl.DateTimeFormat().resolvedOptions().timeZone ?? "your zone"}, UTC on hover`;
  setInterval(() => {
    if (!document.hidden) for (const time of document.querySelectorAll("time.age[datetime]")) show(time);
  }, AGES_EVERY_MS);
}
