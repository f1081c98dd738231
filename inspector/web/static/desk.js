"use strict";
// Keeps the live page up to date and remembers the name of the visitor. All pages work without it.

const POLL_MS = 1000;
const RETRY_MS = 5000;
const REFRESH_MS = 5000; // a line where every frame fails would load the page all the time
const SECTIONS = ["alarms", "failures", "control", "checks"];

// A browser can forbid its storage.
function remember(key, value) {
  try {
    if (value === undefined) return localStorage.getItem(key) || "";
    localStorage.setItem(key, value);
  } catch (error) {
    console.info("the name is not remembered:", error.message);
  }
  return "";
}

function fillNames(root) {
  for (const input of root.querySelectorAll("input[data-remember]")) {
    if (!input.value) input.value = remember("desk-name");
    input.addEventListener("change", () => remember("desk-name", input.value));
  }
}

function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function showFigures(state) {
  setText(document.getElementById("status"), state.status_text);
  setText(document.getElementById("message"), state.message || "");
  setText(document.getElementById("disk"), state.disk_text);
  for (const source of state.sources) {
    const card = document.querySelector(`[data-source="${CSS.escape(source.name)}"]`);
    if (!card) continue;
    for (const [name, text] of Object.entries(source.figures)) {
      const element = card.querySelector(`[data-figure="${name}"]`);
      setText(element, text);
      if (element && name === "verdict") element.className = `badge verdict ${text.toLowerCase()}`;
      if (element && name === "state") element.className = `badge ${text}`;
    }
  }
}

// Replaces the sections that need more than new figures, but never a form that someone fills in.
async function refreshSections() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return false;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  let complete = true;
  for (const id of SECTIONS) {
    const old = document.getElementById(id);
    const next = fresh.getElementById(id);
    if (!old || !next) continue;
    if (old.contains(document.activeElement)) {
      complete = false;
    } else if (old.innerHTML !== next.innerHTML) {
      old.replaceChildren(...next.childNodes);
      fillNames(old);
    }
  }
  return complete;
}

function keepUpToDate() {
  let version = document.getElementById("line").dataset.version;
  let alarms = document.querySelectorAll("#alarms li").length;
  let refreshed = Date.now();
  const offline = document.createElement("p");
  offline.className = "problem";
  offline.setAttribute("role", "alert");
  document.getElementById("status").after(offline);

  async function poll() {
    if (!document.hidden) {
      try {
        const answer = await fetch("/api/state");
        if (answer.status === 401) return location.reload();
        if (!answer.ok) throw new Error(`the answer is ${answer.status}`);
        const state = await answer.json();
        setText(offline, "");
        showFigures(state);
        const isDue = alarms !== state.open_alarms || Date.now() - refreshed > REFRESH_MS;
        if (version !== state.page_version && isDue) {
          if (await refreshSections()) version = state.page_version;
          alarms = state.open_alarms;
          refreshed = Date.now();
        }
      } catch (error) {
        setText(offline, `No connection to the line (${error.message}). The figures are old.`);
      }
    }
    setTimeout(poll, POLL_MS);
  }
  poll();
}

// A live picture needs a connection, so hidden pages give theirs back.
function keepPicturesAlive() {
  for (const image of document.querySelectorAll("img.live")) {
    const address = image.getAttribute("src");
    const note = image.parentElement.querySelector("[data-role=picture-note]");
    let retry = 0;
    const start = () => {
      image.src = `${address}?${Date.now()}`;
    };
    image.addEventListener("load", () => setText(note, ""));
    image.addEventListener("error", () => {
      if (document.hidden) return;
      setText(note, "No live picture now. Trying again.");
      clearTimeout(retry);
      retry = setTimeout(start, RETRY_MS);
    });
    document.addEventListener("visibilitychange", () => {
      clearTimeout(retry);
      if (document.hidden) image.removeAttribute("src");
      else start();
    });
  }
}

// Shows what a refit does, and loads the page again when it has ended.
function followRefit() {
  const line = document.getElementById("refit");
  const wasWorking = line.parentElement.dataset.working === "yes";

  async function poll() {
    if (!document.hidden) {
      try {
        const answer = await fetch("/api/state");
        if (!answer.ok) throw new Error(`the answer is ${answer.status}`);
        const state = await answer.json();
        const isWorking = state.refit !== null && state.refit.is_working;
        setText(line, state.refit_text);
        const isTyping = document.activeElement.closest("form") !== null;
        if (isWorking !== wasWorking && !isTyping) return location.reload();
      } catch (error) {
        setText(line, `No connection to the line (${error.message}).`);
      }
    }
    setTimeout(poll, POLL_MS);
  }
  poll();
}

fillNames(document);
if (document.body.dataset.page === "/") {
  keepUpToDate();
  keepPicturesAlive();
}
if (document.body.dataset.page === "/teaching") followRefit();
const notice = document.getElementById("notice");
if (notice) {
  // The message belongs to one change, not to this address.
  const address = new URL(location.href);
  address.searchParams.delete("request");
  history.replaceState(null, "", address);
}
