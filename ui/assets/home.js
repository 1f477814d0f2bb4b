// Links of Alertmanager's UI, whose pages are behind the #: only a script can read that.
const forward = document.querySelector("#forward a").getAttribute("href");
const root = document.body.dataset.root;

// What stands behind `#/`, as a page of ours.
export function pageOf(fragment, first) {
  const [path, query = ""] = fragment.split("?", 2);
  const given = new URLSearchParams(query);
  const wanted = new URLSearchParams();
  const filter = given.get("filter");
  if (filter) wanted.set("q", filter.replace(/^\{|\}$/g, ""));
  const parts = path.split("/").filter(part => part !== "");
  const withQuery = page => (wanted.size > 0 ? `${page}?${wanted}` : page);
  switch (parts[0]) {
    case "alerts": {
      const receiver = given.get("receiver");
      if (receiver) wanted.set("q", [wanted.get("q"), `@receiver=~${JSON.stringify(receiver)}`].filter(Boolean).join(", "));
      return withQuery(`${root}/alerts`);
    }
    case "silences": {
      if (parts[1] === "new") {
        for (const name of ["comment", "createdBy", "duration"]) if (given.has(name)) wanted.set(name, given.get(name));
        return withQuery(`${root}/silences/new`);
      }
      const id = parts[1] && encodeURIComponent(decodeURIComponent(parts[1]));
      if (id && parts[2] === "edit") return `${root}/silences/${id}/edit`;
      return id ? `${root}/silences/${id}` : withQuery(`${root}/silences`);
    }
    case "status": return `${root}/status`;
    case "settings": return `${root}/status`;
    default: return first;
  }
}

location.replace(location.hash.startsWith("#/") ? pageOf(location.hash.slice(2), forward) : forward);
