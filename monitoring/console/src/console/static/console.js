// What the console adds to plain HTML: local times, and one spoken line when a live part changed.
(() => {
  "use strict";
  const local = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.valueOf()) || time.dataset.local) continue;
      time.dataset.local = "1";
      time.title = `${date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" })} (your time) · ${time.title}`;
    }
  };
  const said = {};
  const announce = (part) => {
    const summary = part.dataset.summary, status = document.getElementById("status");
    if (!status || summary === undefined) return;
    if (part.id in said && said[part.id] !== summary) status.textContent = summary;
    said[part.id] = summary;
  };
  const start = () => {
    local(document);
    document.querySelectorAll("[data-summary]").forEach(announce);
  };
  // Each live part that came with a refresh is the target of an event of its own.
  document.addEventListener("htmx:afterSettle", (event) => {
    local(document);
    if (event.target instanceof HTMLElement && event.target.dataset.summary !== undefined) announce(event.target);
  });
  // A proxy in front of the console wants a new sign-in, which needs a whole page.
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) location.reload();
  });
  // One open menu at a time, closed by Escape.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  // A form is sent once.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    else if (event.target.method === "post") event.target.dataset.sent = "1";
  });
  addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
