"use strict";
(() => {
  const list = document.querySelector(".images");
  if (list) {
    const rows = [...list.children], find = document.getElementById("find");
    const order = document.getElementById("order"), shown = document.getElementById("shown");
    const last = (value) => (value === "" ? Infinity : Number(value));
    const orders = {
      worst: (a, b) => last(a.dataset.dice) - last(b.dataset.dice) || 0,
      best: (a, b) => (b.dataset.dice || -1) - (a.dataset.dice || -1),
      name: (a, b) => a.dataset.name.localeCompare(b.dataset.name, undefined, { numeric: true }),
    };
    const show = () => {
      const wanted = find.value.trim().toLowerCase();
      let count = 0;
      for (const row of rows) {
        row.hidden = !row.dataset.name.toLowerCase().includes(wanted);
        count += !row.hidden;
      }
      shown.textContent = wanted ? `${count} of ${rows.length} images` : `${rows.length} images`;
    };
    find.addEventListener("input", show);
    order.addEventListener("change", () => list.append(...rows.sort(orders[order.value])));
    document.querySelector(".tools").hidden = false;
    document.querySelector(".tools").addEventListener("submit", (event) => event.preventDefault());
    show();

    const large = document.getElementById("large");
    list.addEventListener("click", (event) => {
      const button = event.target.closest(".zoom");
      if (!button) return;
      const copy = button.querySelector("svg").cloneNode(true);
      copy.querySelectorAll("[id]").forEach((part) => part.removeAttribute("id"));
      large.querySelector("div").replaceChildren(copy);
      large.querySelector("p").textContent = copy.getAttribute("aria-label");
      large.showModal();
    });
    large.addEventListener("click", (event) => event.target === large && large.close());
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
})();
