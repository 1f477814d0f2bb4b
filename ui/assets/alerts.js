// The list of alerts: suggestions while the filter is typed, cards that follow what happens, quick forms.
import { suggest } from "./suggest.js";
import { follow, merge } from "./live.js";
import { quicken } from "./quick.js";

for (const field of document.querySelectorAll("input[data-suggest]")) suggest(field);
for (const select of document.querySelectorAll("form.filter select")) select.addEventListener("change", () => select.form.requestSubmit());
follow(document.getElementById("cards"));
quicken(document, merge);
