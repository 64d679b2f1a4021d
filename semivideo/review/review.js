"use strict";
// The page of `semivideo review`. The server holds the truth: each answer is on its disk before it
// answers, and every reply brings all answers, so that several tabs and a restart agree.

const token = new URLSearchParams(location.search).get("token") || "";
const $ = (id) => document.getElementById(id);
const KEYS = "1234567890qwertyasdfghjklzcvmop";  // not x n b u, which do something else
const LONG = 20;  // seconds from which on intervals can be marked

let state = { items: [], answers: {}, classes: [], revision: -1 };
let current = null;      // the item that is shown
let chosen = new Set();  // classes that were added with Shift
let intervals = [];      // marked in the shown video
let begin = null;        // of an interval whose end is not marked yet
let shownAt = 0;
let isSending = false;

async function ask(path, body) {
  const options = { headers: { "X-Token": token } };
  if (body !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let reply;
  try {
    reply = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer: nothing was lost, but this answer was not taken. Start semivideo review again.");
  }
  const content = await reply.json();
  if (!reply.ok) throw new Error(content.error);
  return content;
}

function say(text, isBad = false) {
  $("said").textContent = text;
  $("said").classList.toggle("bad", isBad);
}

function take(changes) {
  Object.assign(state, changes);
  showProgress();
  showClasses();
}

// The queue ------------------------------------------------------------------------------------

function inFilter(item) {
  const which = $("which").value, name = $("class-filter").value;
  if (which === "asked" ? item.why === "other" : which !== "all" && item.why !== which) return false;
  const answer = state.answers[item.id];
  const names = [item.guess, item.given, ...(answer ? answer.labels : [])];
  return !name || names.includes(name);
}

function queue() {
  return state.items.filter(inFilter);
}

function next(from, step = 1) {
  const all = queue(), onlyOpen = $("open-only").checked && step > 0;
  const start = from ? all.findIndex((item) => item.id === from.id) : -1;
  for (let n = 1; n <= all.length; n += 1) {
    const item = all[(start + step * n + all.length * 2) % all.length];
    if (!onlyOpen || !(item.id in state.answers)) return item;
  }
  return null;
}

function showProgress() {
  const all = queue(), done = all.filter((item) => item.id in state.answers).length;
  $("progress").max = Math.max(all.length, 1);
  $("progress").value = done;
  $("progress-words").textContent = `${done} of ${all.length} answered`;
}

// The clip -------------------------------------------------------------------------------------

async function show(item) {
  current = item;
  chosen = new Set();
  begin = null;
  const answer = item && state.answers[item.id];
  intervals = answer ? answer.intervals.map((each) => ({ ...each })) : [];
  shownAt = performance.now();
  const video = $("video");
  $("timeline").hidden = !item || item.duration < LONG;
  $("no-video").hidden = true;
  video.hidden = !item;
  for (const id of ["accept", "unsure", "skip", "back"]) $(id).disabled = !item;
  if (!item) {
    video.removeAttribute("src");
    $("clip-title").textContent = "No clip is left here";
    $("clip-words").textContent = "Show more of them with the filter above, or train on the answers.";
    showClasses();
    return;
  }
  const source = `/clip/${item.row}?token=${encodeURIComponent(token)}`;
  const isPart = item.start > 0;
  video.dataset.start = video.dataset.end = "";
  video.src = source;
  const why = { suggested: "Suggested", doubted: "Doubted label", other: "Video" }[item.why];
  $("clip-title").textContent = `${why}: ${item.id}`;
  $("clip-words").textContent = words(item, answer);
  showClasses();
  showIntervals();
  try {
    const head = await fetch(source, { method: "HEAD" });
    if (current !== item) return;
    if (!head.ok) throw new Error((await (await fetch(source)).json()).error);
    const isCopy = head.headers.get("X-Copy") === "yes";
    if (isPart && !isCopy) {
      video.dataset.start = item.start;
      video.dataset.end = item.start + item.duration;
      if (video.readyState) video.currentTime = item.start;
    }
  } catch (error) {
    $("no-video").textContent = `This clip cannot be played: ${error.message}`;
    $("no-video").hidden = false;
    video.hidden = true;
  }
}

function words(item, answer) {
  const parts = [];
  if (item.given) parts.push(`It has the label ${item.given}.`);
  if (item.guess) {
    const sure = item.confidence === null ? "" : `, ${Math.round(100 * item.confidence)} % sure`;
    parts.push(`The model says ${item.guess}${sure}.`);
  }
  if (item.reason) parts.push(`Why: ${item.reason}.`);
  if (item.group) parts.push(`Group ${item.group}.`);
  if (answer) parts.push(`Answered: ${said(answer)}.`);
  return parts.join(" ");
}

function said(answer) {
  if (answer.kind === "unsure") return "nobody can say";
  if (answer.kind === "intervals") return `${answer.intervals.length} interval${answer.intervals.length > 1 ? "s" : ""}`;
  return answer.labels.join(", ");
}

function offset() {
  return Number($("video").dataset.start) || 0;
}

$("video").addEventListener("loadedmetadata", () => {
  const start = offset();
  if (start) $("video").currentTime = start;
});
$("video").addEventListener("timeupdate", () => {
  const video = $("video"), end = Number(video.dataset.end);
  if (end && video.currentTime >= end) video.currentTime = offset();
  if (!$("timeline").hidden) drawTrack();
});

// Classes --------------------------------------------------------------------------------------

function keyOf(number) {
  return number < KEYS.length ? KEYS[number] : "";
}

function showClasses() {
  const box = $("classes"), focused = document.activeElement && document.activeElement.dataset.name;
  box.replaceChildren(...state.classes.map((name, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.name = name;
    button.setAttribute("aria-pressed", chosen.has(name));
    button.disabled = !current;
    const key = keyOf(number);
    if (key) {
      const mark = document.createElement("kbd");
      mark.textContent = key;
      button.append(mark, " ");
    }
    button.append(name);
    button.addEventListener("click", (event) => choose(name, event.shiftKey));
    return button;
  }));
  if (focused) [...box.children].find((b) => b.dataset.name === focused)?.focus();
  const filter = $("class-filter"), value = filter.value;
  const options = ["", ...state.classes].map((name) => new Option(name || "all", name));
  filter.replaceChildren(...options);
  filter.value = value;
  const guess = current ? current.guess || current.given : "";
  const target = intervals.length ? `${intervals.length} interval${intervals.length > 1 ? "s" : ""}`
    : chosen.size ? [...chosen].join(" + ") : guess || "the guess";
  $("accept").replaceChildren(`Accept ${target} `, Object.assign(document.createElement("kbd"), { textContent: "Enter" }));
}

function choose(name, isAdded) {
  if (!current) return;
  if (begin !== null) {
    const here = $("video").currentTime - offset();
    addInterval(name, begin, here > begin ? here : begin + 0.04);
    return;
  }
  if (pending) {
    addInterval(name, pending[0], pending[1]);
    return;
  }
  if (isAdded) {
    if (!chosen.delete(name)) chosen.add(name);
    showClasses();
    say(`Chosen: ${[...chosen].join(", ") || "nothing"}`);
    return;
  }
  chosen.add(name);
  answer({ kind: "label", labels: [...chosen] });
}

// Intervals ------------------------------------------------------------------------------------

let pending = null;  // begin and end that wait for a class

function mark(isEnd) {
  if ($("timeline").hidden) return;
  const here = Math.max(0, $("video").currentTime - offset());
  if (!isEnd) {
    begin = here;
    pending = null;
    $("marked").textContent = `Begin at ${here.toFixed(2)} s; mark the end or choose a class.`;
  } else if (begin === null || here <= begin) {
    say("Mark the begin first, at an earlier moment.", true);
  } else {
    pending = [begin, here];
    begin = null;
    $("marked").textContent = `From ${pending[0].toFixed(2)} to ${pending[1].toFixed(2)} s; choose a class.`;
  }
  drawTrack();
}

function addInterval(label, start, end) {
  intervals.push({ label, start: Number(start.toFixed(3)), end: Number(end.toFixed(3)) });
  intervals.sort((a, b) => a.start - b.start);
  begin = pending = null;
  $("marked").textContent = "Mark more, or press Enter.";
  say(`${label} from ${start.toFixed(2)} to ${end.toFixed(2)} s`);
  showIntervals();
  showClasses();
}

function showIntervals() {
  $("intervals").replaceChildren(...intervals.map((each, number) => {
    const row = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = `${each.label} ${each.start.toFixed(2)}–${each.end.toFixed(2)} s ✕`;
    button.setAttribute("aria-label", `Remove ${each.label} from ${each.start.toFixed(2)} to ${each.end.toFixed(2)} seconds`);
    button.addEventListener("click", () => {
      intervals.splice(number, 1);
      showIntervals();
      showClasses();
    });
    row.append(button);
    return row;
  }));
  drawTrack();
}

function drawTrack() {
  const track = $("track"), whole = current ? current.duration : 1;
  const make = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const x = (seconds) => (1000 * seconds) / whole;
  const boxes = intervals.map((each) => make("rect", { x: x(each.start), y: 4, width: Math.max(2, x(each.end - each.start)), height: 26 }));
  const now = $("video").currentTime - offset();
  if (pending) boxes.push(make("rect", { class: "open", x: x(pending[0]), y: 4, width: x(pending[1] - pending[0]), height: 26 }));
  if (begin !== null) boxes.push(make("rect", { class: "open", x: x(begin), y: 4, width: Math.max(2, x(Math.max(0, now - begin))), height: 26 }));
  boxes.push(make("line", { x1: x(now), x2: x(now), y1: 0, y2: 34 }));
  track.replaceChildren(...boxes);
}

$("track").addEventListener("click", (event) => {
  const box = $("track").getBoundingClientRect();
  $("video").currentTime = offset() + (current.duration * (event.clientX - box.left)) / box.width;
});

// Answers --------------------------------------------------------------------------------------

async function answer(content) {
  if (!current || isSending) return;
  isSending = true;  // one answer at a time; the next clip may still be loading
  const item = current;
  const seconds = Math.round((performance.now() - shownAt) / 100) / 10;
  try {
    take(await ask("/api/answer", { id: item.id, seconds, ...content }));
    say(`${item.id}: ${said(state.answers[item.id])}`);
    show(next(item));
  } catch (error) {
    say(error.message, true);
  } finally {
    isSending = false;
  }
}

function accept() {
  if (!current) return;
  if (intervals.length) answer({ kind: "intervals", intervals });
  else if (chosen.size) answer({ kind: "label", labels: [...chosen] });
  else if (current.guess || current.given) answer({ kind: "label", labels: [current.guess || current.given] });
  else say("There is no guess; choose a class.", true);
}

async function undo() {
  if (isSending) return;
  isSending = true;
  try {
    const changes = await ask("/api/undo", {});
    take(changes);
    const item = state.items.find((each) => each.id === changes.undone);
    say(item ? `Taken back: ${item.id}` : "There is nothing to take back.");
    if (item) show(item);
  } catch (error) {
    say(error.message, true);
  } finally {
    isSending = false;
  }
}

function addClass() {
  const name = $("new-class").value.trim();
  if (!name) return say("Write the name of the class first.", true);
  $("new-class").value = "";
  $("main").focus();
  choose(name, false);
}

async function refresh() {
  if (isSending || document.hidden) return;
  try {
    const changes = await ask("/api/changes");
    if (changes.revision === state.revision) return;
    take(changes);
    if (current && current.id in state.answers) $("clip-words").textContent = words(current, state.answers[current.id]);
  } catch (error) {
    say(error.message, true);
  }
}

// Keys and buttons -----------------------------------------------------------------------------

const ACTIONS = {
  Enter: accept,
  x: () => answer({ kind: "unsure" }),
  n: () => show(next(current)),
  b: () => show(next(current, -1)),
  u: undo,
  " ": () => ($("video").paused ? $("video").play() : $("video").pause()),
  ",": () => { $("video").pause(); $("video").currentTime -= 1 / 25; },
  ".": () => { $("video").pause(); $("video").currentTime += 1 / 25; },
  "-": () => { $("video").playbackRate = Math.max(0.25, $("video").playbackRate / 2); },
  "+": () => { $("video").playbackRate = Math.min(4, $("video").playbackRate * 2); },
  "[": () => mark(false),
  "]": () => mark(true),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const inside = event.target.closest("input:not([type=checkbox]), select, textarea");
  if (inside) {
    if (event.key === "Enter" && event.target.id === "new-class") addClass();
    return;
  }
  // A focused control keeps its own keys: Enter and Space press it.
  if (event.target.closest("button, summary, input, video") && ["Enter", " "].includes(event.key)) return;
  if (event.repeat && !",.".includes(event.key)) return;
  const number = event.code.startsWith("Digit") ? KEYS.indexOf(event.code.slice(5)) : KEYS.indexOf(event.key.toLowerCase());
  if (event.key in ACTIONS) {
    event.preventDefault();
    ACTIONS[event.key]();
  } else if (number >= 0 && number < state.classes.length) {
    event.preventDefault();
    choose(state.classes[number], event.shiftKey);
  }
});

for (const [id, action] of Object.entries({
  accept, undo,
  unsure: ACTIONS.x, back: ACTIONS.b, skip: ACTIONS.n,
  "mark-in": ACTIONS["["], "mark-out": ACTIONS["]"], "add-class": addClass,
})) $(id).addEventListener("click", action);

for (const id of ["which", "class-filter", "open-only"]) {
  $(id).addEventListener("change", () => {
    showProgress();
    if (!current || !inFilter(current)) show(next(null));
  });
}

$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("command").textContent);
    say("The command is copied.");
  } catch {
    getSelection().selectAllChildren($("command"));
    say("Press Ctrl-C to copy the command.");
  }
});

document.addEventListener("visibilitychange", refresh);
addEventListener("focus", refresh);
setInterval(refresh, 5000);

(async () => {
  try {
    take(await ask("/api/state"));
    $("run").textContent = state.run;
    document.title = `Review of ${state.run}`;
    $("labels-file").textContent = state.labels_file;
    $("command").textContent = state.command;
    if (!state.items.some((item) => item.why !== "other")) $("which").value = "all";
    showProgress();
    await show(next(null));
    document.body.dataset.ready = "yes";
  } catch (error) {
    say(error.message, true);
  }
})();
