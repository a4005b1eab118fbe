"use strict";
(() => {
  const list = document.querySelector(".images");
  if (list) {
    const rows = [...list.children];
    const [find, order, level, kind, shown] = ["find", "order", "level", "class", "shown"].map((id) => document.getElementById(id));
    const classes = new Map(rows.map((row) => [row, JSON.parse(row.dataset.classes || "{}")]));
    const number = (text) => (text === undefined || text === "" ? NaN : Number(text));
    const dice = (row) => (kind && kind.value ? number(classes.get(row)[kind.value]) : number(row.dataset.dice));
    const unlike = (row) => number(row.dataset.unlike);
    // what has no number comes last, whichever way round
    const by = (value, sign) => (a, b) => isNaN(value(a)) - isNaN(value(b)) || sign * (value(a) - value(b)) || 0;
    const orders = {
      worst: by(dice, 1),
      best: by(dice, -1),
      unlike: by(unlike, -1),
      name: (a, b) => a.dataset.name.localeCompare(b.dataset.name, undefined, { numeric: true }),
    };
    const fits = (row) => {
      if (!row.dataset.name.toLowerCase().includes(find.value.trim().toLowerCase())) return false;
      if (kind && kind.value && isNaN(dice(row))) return false;
      if (!level.value) return true;
      if (level.value === "unlike") return unlike(row) > 1;
      const [low, high] = level.value.split(" ").map(Number);
      return dice(row) >= low && dice(row) < high;
    };
    const show = () => {
      let count = 0;
      for (const row of rows) {
        row.hidden = !fits(row);
        count += !row.hidden;
        if (kind) {
          row.querySelector(".lead dd").textContent = isNaN(dice(row)) ? "–" : dice(row).toFixed(3);
          row.querySelector(".of-class").textContent = kind.value && ` of ${kind.value}`;
        }
      }
      shown.textContent = count < rows.length ? `${count} of ${rows.length} images` : `${rows.length} images`;
    };
    const sort = () => list.append(...rows.sort(orders[order.value]));
    find.addEventListener("input", show);
    level.addEventListener("change", show);
    order.addEventListener("change", sort);
    if (kind) kind.addEventListener("change", () => (sort(), show()));
    const tools = document.querySelector(".tools");
    tools.hidden = false;
    tools.addEventListener("submit", (event) => event.preventDefault());
    show();

    const large = document.getElementById("large"), place = large.querySelector("div"), closer = document.getElementById("closer");
    let current = null;
    const zoom = (on) => {
      place.classList.toggle("closer", on);
      closer.setAttribute("aria-pressed", on);
    };
    const open = (button) => {
      current = button;
      const copy = button.querySelector("svg").cloneNode(true);
      copy.querySelectorAll("[id]").forEach((part) => part.removeAttribute("id"));
      place.replaceChildren(copy);
      large.querySelector("p").textContent = copy.getAttribute("aria-label");
      if (!large.open) {
        zoom(false);
        large.showModal();
        place.focus();
      }
    };
    const step = (by) => {
      const buttons = [...list.querySelectorAll("li:not([hidden]) .zoom")];
      open(buttons[(buttons.indexOf(current) + by + buttons.length) % buttons.length]);
    };
    list.addEventListener("click", (event) => {
      const button = event.target.closest(".zoom");
      if (button) open(button);
    });
    document.getElementById("back").addEventListener("click", () => step(-1));
    document.getElementById("forth").addEventListener("click", () => step(1));
    closer.addEventListener("click", () => zoom(!place.classList.contains("closer")));
    place.addEventListener("dblclick", () => zoom(!place.classList.contains("closer")));
    large.addEventListener("keydown", (event) => {
      const zoomed = place.classList.contains("closer"); // then the arrows scroll
      if (event.key === "+" || event.key === "-") zoom(event.key === "+");
      else if (!zoomed && event.key === "ArrowLeft") step(-1);
      else if (!zoomed && event.key === "ArrowRight") step(1);
    });
    large.addEventListener("click", (event) => event.target === large && large.close());
    large.addEventListener("close", () => current && current.focus());
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
})();
