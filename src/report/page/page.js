"use strict";
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  // Search: rows that do not hold every word are hidden.
  const find = document.getElementById("find"), search = document.getElementById("search");
  const count = document.getElementById("found");
  find.hidden = false;
  const rows = all("[data-row]").map((row) => [row, row.textContent.toLowerCase()]);
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) shown += 1;
    }
    count.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  };
  search.addEventListener("input", filter);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape") {
      search.value = "";
      filter();
      choose(null);
    }
  });
  // The graph: a step that is chosen shows what it waits for, and why.
  const why = document.getElementById("why"), edges = all(".gf-edge"), steps = all(".gf-step");
  const choose = (step) => {
    const chosen = step && step.dataset.step;
    for (const other of steps) other.classList.toggle("gf-on", other === step);
    const reasons = [];
    for (const edge of edges) {
      const on = chosen !== null && (edge.dataset.from === chosen || edge.dataset.to === chosen);
      edge.classList.toggle("gf-on", on);
      if (on) reasons.push(edge.querySelector("title").textContent);
    }
    if (!why) return;
    why.replaceChildren();
    if (!step) return;
    const title = document.createElement("strong");
    title.textContent = step.querySelector("title").textContent;
    why.append(title);
    const list = document.createElement("ul");
    for (const reason of reasons.length ? reasons : ["It waits for nothing, and nothing waits for it."]) {
      const item = document.createElement("li");
      item.textContent = reason;
      list.append(item);
    }
    why.append(list);
  };
  for (const step of steps) {
    step.setAttribute("tabindex", "0");
    step.setAttribute("role", "button");
    step.setAttribute("aria-label", step.querySelector("title").textContent);
    step.addEventListener("click", () => choose(step));
    step.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        choose(step);
      }
    });
  }
})();
