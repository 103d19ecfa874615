// Keeps the lists of this page as the server tells them: rows that changed, and their order.
// A row's HTML comes escaped from the server, and the page's policy runs no script in it.
"use strict";

const link = document.getElementById("link");
const texts = document.body.dataset; // in the language of the page

function take({ list, rows, keys }) {
  const body = document.getElementById(list);
  const there = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  for (const [key, html] of Object.entries(rows)) {
    const row = there.get(key) ?? document.createElement("tr");
    row.dataset.key = key;
    row.innerHTML = html;
    there.set(key, row);
  }
  if (keys) {
    body.replaceChildren(...keys.map((key) => there.get(key)));
  }
  sift();
}

// The devices with the text that somebody looks for.
const filter = document.getElementById("filter");

function sift() {
  if (!filter) return;
  const wanted = filter.value.trim().toLowerCase();
  for (const row of document.getElementById(filter.dataset.of).rows) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
  }
}

filter?.addEventListener("input", sift);

// The browser comes back by itself after an interruption, and gets every row again.
const source = new EventSource(document.body.dataset.events);
source.addEventListener("open", () => { link.textContent = texts.live; });
source.addEventListener("rows", (event) => take(JSON.parse(event.data)));
source.addEventListener("full", () => { link.textContent = texts.full; });
source.addEventListener("error", () => {
  link.textContent = source.readyState === EventSource.CLOSED
    ? texts.gone
    : texts.trying;
});
