"use strict";
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  // Storage may be forbidden (a sandboxed frame, a strict browser); then the choice lasts as long as the page.
  const keep = (theme) => { try { localStorage.setItem("pipelinedoctor-theme", theme); } catch { root.dataset.kept = "no"; } };
  const kept = () => { try { return localStorage.getItem("pipelinedoctor-theme"); } catch { return null; } };
  const now = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const name = () => { button.textContent = now() === "dark" ? "Light" : "Dark"; };
  if (["light", "dark"].includes(kept())) root.dataset.theme = kept();
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = now() === "dark" ? "light" : "dark";
    keep(root.dataset.theme);
    name();
  });
  dark.addEventListener("change", name);
  name();

  const compare = (a, b) => {
    const x = Number(a), y = Number(b);
    return a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y) ? x - y : a.localeCompare(b, "en");
  };
  for (const head of document.querySelectorAll("th[aria-sort] button")) {
    head.addEventListener("click", () => {
      const cell = head.parentElement, table = cell.closest("table"), body = table.tBodies[0];
      const down = cell.getAttribute("aria-sort") === "ascending";
      for (const other of table.querySelectorAll("th[aria-sort]")) other.setAttribute("aria-sort", "none");
      cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[cell.cellIndex].dataset.sort;
      const rows = [...body.rows].sort((a, b) => (key(a) === "") - (key(b) === "") || (down ? -1 : 1) * compare(key(a), key(b)));
      body.append(...rows);
    });
  }
})();
