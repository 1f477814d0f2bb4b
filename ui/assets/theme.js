// Before anything is drawn: the theme somebody chose here.
(() => {
  try {
    const chosen = localStorage.getItem("watchfire-theme");
    if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
  } catch { /* storage may be off: the system's theme holds */ }
  document.documentElement.classList.add("js");
})();
