// The page of sotto-server: follows the stream of events and draws what it says. No part of it comes from elsewhere.

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en-GB");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const svgNamespace = "http://www.w3.org/2000/svg";

// ---------------------------------------------------------------- words and numbers

const fixed = (value, digits) => value.toFixed(digits);
const percent = (value) => `${fixed(100 * value, 1)} %`;
const plural = (count, one, many) => `${number.format(count)} ${count === 1 ? one : many}`;

function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let place = 0;
  while (count >= 1000 && place < units.length - 1) { count /= 1000; place += 1; }
  return `${place === 0 || count >= 100 ? Math.round(count) : fixed(count, 1)} ${units[place]}`;
}

function duration(seconds) {
  if (seconds < 1) return `${Math.max(1, Math.round(1000 * seconds))} ms`;
  if (seconds < 100) return `${fixed(seconds, seconds < 10 ? 2 : 1)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${fixed(seconds / 3600, 1)} h`;
}

const roughly = (seconds) => (seconds < 100 ? `${Math.ceil(seconds)} s` : duration(seconds));

// What is shown of an ε is never below what holds.
const epsilon = (value) => (value === undefined || value === null ? "none can be stated" : fixed(Math.ceil(value * 1000 - 1e-9) / 1000, 3));

function when(milliseconds) {
  const date = new Date(milliseconds);
  return Date.now() - milliseconds < 12 * 3600e3 ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

// ---------------------------------------------------------------- what is known

const tasks = new Map(); // name -> state as the server tells it
const rounds = new Map(); // name -> Map of "round.attempt" -> attempt
const loaded = new Set(); // tasks whose history has been asked for
const messages = new Map(); // number -> message
let lastEvent = null;
let chosen = null; // name of the task that is shown
let skew = 0; // server's clock minus ours, milliseconds
let view = null;
let hasState = false;

const pathOf = (name) => `v1/tasks/${encodeURIComponent(name)}`;
const attemptsOf = (name) => rounds.get(name) ?? new Map();
const inOrder = (a, b) => a.round - b.round || a.attempt - b.attempt;

function noteRound(attempt) {
  if (!rounds.has(attempt.task)) rounds.set(attempt.task, new Map());
  rounds.get(attempt.task).set(`${attempt.round}.${attempt.attempt}`, attempt);
}

// ---------------------------------------------------------------- the server

function headers(more = {}) {
  const all = { accept: "application/json", ...more };
  const token = sessionStorage.getItem("sotto-token");
  if (token) all.authorization = `Bearer ${token}`;
  return all;
}

/** Asks for the operator's token; the promise is kept once something was typed. */
function askForToken() {
  const dialog = byId("token");
  byId("token-text").textContent = sessionStorage.getItem("sotto-token")
    ? "The server did not take this token. Try another one."
    : "Paste the operator token that lets you view tasks. It stays in this browser tab only.";
  sessionStorage.removeItem("sotto-token");
  tell("refused", "Waiting for a token");
  return new Promise((resolve) => {
    byId("token-form").onsubmit = (event) => {
      event.preventDefault();
      const token = byId("token-input").value.trim();
      if (!token) return;
      sessionStorage.setItem("sotto-token", token);
      byId("token-input").value = "";
      dialog.close();
      resolve();
    };
    if (!dialog.open) dialog.showModal();
  });
}
byId("token").addEventListener("cancel", (event) => event.preventDefault());
byId("forget").addEventListener("click", () => {
  sessionStorage.removeItem("sotto-token");
  location.reload();
});

async function loadHistory(name) {
  if (loaded.has(name)) return;
  loaded.add(name);
  try {
    const response = await fetch(`${pathOf(name)}/rounds`, { headers: headers(), cache: "no-store" });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const known = attemptsOf(name);
    for (const attempt of await response.json()) {
      // What the stream has told meanwhile is newer.
      if (!known.has(`${attempt.round}.${attempt.attempt}`)) noteRound(attempt);
    }
    refresh();
  } catch {
    loaded.delete(name);
    setTimeout(() => chosen === name && loadHistory(name), 3000);
  }
}

function tell(state, text) {
  byId("link").dataset.state = state;
  if (byId("link-text").textContent !== text) byId("link-text").textContent = text;
}

const pause = (milliseconds) => new Promise((resolve) => {
  const timer = setTimeout(resolve, milliseconds);
  addEventListener("online", () => { clearTimeout(timer); resolve(); }, { once: true });
});

/** One connection to the stream, until it ends. */
async function listen() {
  const control = new AbortController();
  const more = { accept: "text/event-stream, application/json" };
  if (lastEvent !== null) more["last-event-id"] = lastEvent;
  const response = await fetch("v1/events", { headers: headers(more), cache: "no-store", signal: control.signal });
  if (response.status === 401 || response.status === 403) {
    await askForToken();
    return;
  }
  if (!response.ok) throw new Error(response.status === 503 ? "busy" : `status ${response.status}`);
  const date = Date.parse(response.headers.get("date") ?? "");
  // The header has whole seconds; a smaller difference is none.
  skew = Math.abs(date - Date.now()) > 1500 ? date - Date.now() : 0;
  tell("live", "Live");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  let watchdog = 0;
  try {
    for (;;) {
      // The server says something at least every 15 seconds.
      watchdog = setTimeout(() => control.abort(), 45000);
      const { value, done } = await reader.read();
      clearTimeout(watchdog);
      if (done) return;
      waiting += value;
      const blocks = waiting.split("\n\n");
      waiting = blocks.pop();
      for (const block of blocks) take(block);
      hasState = true;
      refresh();
    }
  } finally {
    clearTimeout(watchdog);
    control.abort();
  }
}

/** One event of the stream (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
function take(block) {
  let name = "message";
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data += line.slice(6);
    else if (line.startsWith("id: ")) lastEvent = line.slice(4);
  }
  if (!data) return;
  const value = JSON.parse(data);
  if (name === "task") tasks.set(value.report.task, value);
  else if (name === "round") noteRound(value);
  else if (name === "message") noteMessage(value);
}

function noteMessage(message) {
  const isNew = hasState && !messages.has(message.number);
  messages.set(message.number, message);
  // Of clients that enrol one after the other, the last count is enough.
  if (message.kind === "client-enrolled" && messages.get(message.number - 1)?.kind === message.kind) messages.delete(message.number - 1);
  while (messages.size > 200) messages.delete(Math.min(...messages.keys()));
  if (isNew && message.kind !== "round-opened") announce(message);
}

async function follow() {
  let failures = 0;
  for (;;) {
    const began = Date.now();
    try {
      await listen();
      failures = 0;
    } catch (error) {
      if (Date.now() - began > 20000) failures = 0;
      failures += 1;
      const text = error.message === "busy" ? "Too many viewers" : "Server away";
      tell("waiting", hasState ? `${text}; last state shown` : `${text}; trying again`);
    }
    await pause(Math.min(10000, 500 * 2 ** Math.min(failures, 5)) * (0.75 + Math.random() / 2));
  }
}

// ---------------------------------------------------------------- announcements, at most one in ten seconds

let toAnnounce = null;
let announcing = false;
function announce(message) {
  const state = tasks.get(message.task);
  const accuracy = state?.report.testAccuracy;
  toAnnounce = message.text + (message.kind === "round-committed" && accuracy !== undefined ? `, accuracy ${percent(accuracy)}` : "");
  if (announcing) return;
  announcing = true;
  const speak = () => {
    if (toAnnounce === null) { announcing = false; return; }
    byId("announcer").textContent = toAnnounce;
    toAnnounce = null;
    setTimeout(speak, 10000);
  };
  setTimeout(speak, 500);
}

// ---------------------------------------------------------------- drawing the page

let isPlanned = false;
function refresh() {
  if (isPlanned) return;
  isPlanned = true;
  const go = () => {
    if (!isPlanned) return;
    isPlanned = false;
    draw();
  };
  requestAnimationFrame(go);
  // A tab that nobody sees gets no frames; its title goes on all the same.
  setTimeout(go, 500);
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function draw() {
  if (!hasState) return;
  byId("empty").hidden = tasks.size > 0;
  byId("events").hidden = messages.size === 0;
  byId("foot").hidden = false;
  // A link cannot show a token.
  const hasToken = sessionStorage.getItem("sotto-token") !== null;
  byId("metrics").hidden = hasToken;
  byId("forget").hidden = !hasToken;
  drawMessages();
  if (tasks.size === 0) return;
  const wanted = decodeURIComponent(location.hash.replace(/^#task=/, ""));
  if (tasks.has(wanted)) chosen = wanted;
  if (!tasks.has(chosen)) {
    const all = [...tasks.values()];
    chosen = (all.find((task) => task.report.status === "running") ?? all.at(-1)).report.task;
  }
  drawNavigation();
  if (!view || view.name !== chosen) {
    view = new TaskView(chosen);
    byId("task").replaceChildren(view.root);
  }
  loadHistory(chosen);
  view.draw();
}

function drawNavigation() {
  byId("tasks").hidden = tasks.size < 2;
  const list = byId("task-list");
  const names = [...tasks.keys()];
  if (list.dataset.names !== names.join(" ")) {
    list.dataset.names = names.join(" ");
    list.replaceChildren(...names.map((name) =>
      element("li", {}, element("a", { href: `#task=${encodeURIComponent(name)}` }, element("span", {}, name), element("small")))));
  }
  for (const [index, link] of [...list.querySelectorAll("a")].entries()) {
    const { report } = tasks.get(names[index]);
    const text = report.status === "running" ? `${report.round}/${report.rounds}` : report.status;
    if (link.lastChild.textContent !== text) link.lastChild.textContent = text;
    if (names[index] === chosen) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  }
}
addEventListener("hashchange", refresh);

let drawnMessages = "";
function drawMessages() {
  const newest = [...messages.values()].sort((a, b) => b.number - a.number).slice(0, 100);
  const key = newest.map((message) => message.number).join();
  if (key === drawnMessages) return;
  drawnMessages = key;
  byId("event-list").replaceChildren(...newest.map((message) =>
    element("li", { "data-kind": message.kind },
      element("time", { datetime: new Date(message.time).toISOString() }, when(message.time)), element("span", {}, message.text))));
  const last = newest.find((message) => message.kind === "client-enrolled");
  byId("empty-clients").textContent = last ? `So far ${last.text}.` : "";
}

/** What an evaluation round told, with the standard deviation that its noise gives it. */
const heldOutText = {
  accuracy: (line) => `${percent(line.accuracy)} ± ${fixed(100 * line.accuracyError, 1)}`,
  loss: (line) => `${fixed(line.loss, 3)} ± ${fixed(line.lossError, 3)}`,
};

class TaskView {
  constructor(name) {
    this.name = name;
    this.root = byId("task-template").content.firstElementChild.cloneNode(true);
    this.parts = {};
    for (const part of this.root.querySelectorAll("[data-x]")) this.parts[part.dataset.x] = part;
    this.follows = true;
    this.showsAll = false;
    this.charts = [...this.root.querySelectorAll("figure")].map((figure) => new Chart(figure, this));
    this.parts.cursor.addEventListener("input", () => this.moveTo(Number(this.parts.cursor.value)));
    this.parts["table-box"].addEventListener("toggle", () => this.drawTable());
    this.parts.more.addEventListener("click", () => { this.showsAll = true; this.drawTable(); });
  }

  set(name, text) {
    const part = this.parts[name];
    if (part.textContent !== text) part.textContent = text;
  }

  /** Text with a smaller remark behind it. */
  setWith(name, text, remark) {
    const part = this.parts[name];
    if (part.textContent === text + remark) return;
    part.replaceChildren(text, element("small", {}, remark));
  }

  /** Puts the cursor of all charts on a round; the last one is followed from there. */
  moveTo(round) {
    this.follows = round >= this.lastRound;
    this.cursor = Math.min(Math.max(1, round), this.lastRound);
    this.drawCursor();
  }

  draw() {
    const state = tasks.get(this.name);
    const { report, terms } = state;
    this.state = state;
    this.attempts = [...attemptsOf(this.name).values()].sort(inOrder);
    this.committed = new Map(this.attempts.filter((a) => a.stage === "committed").map((a) => [a.round, a]));
    this.abandoned = this.attempts.filter((a) => a.stage === "abandoned");
    this.lastRound = Math.max(0, ...this.committed.keys());

    document.title = `${report.task} ${report.round}/${report.rounds} · Sotto`;
    this.set("name", report.task);
    this.set("status", report.status);
    this.parts.status.dataset.status = report.status;
    this.set("about", `${report.model}, ${plural(report.parameters, "parameter", "parameters")}; population ${report.population}; ${terms.cohort} clients a round`);
    const hint = report.status === "created" ? `Planned; start it with: sotto-server task start ${report.task}` : report.statusReason;
    this.parts.reason.hidden = !hint || report.status === "running";
    this.set("reason", hint);

    this.set("round", report.round === 0 ? "No round yet" : `Round ${number.format(report.round)}`);
    this.set("rounds", report.round === 0 ? `${plural(report.rounds, "is", "are")} planned` : `of ${number.format(report.rounds)}`);
    const left = (report.rounds - report.round) * report.secondsPerRound;
    this.set("pace", report.round === 0 ? "" : `${duration(report.secondsPerRound)} a round${report.status === "running" && left > 0 ? `, about ${roughly(left)} left` : ""}`);
    this.parts.bar.max = report.rounds;
    this.parts.bar.value = report.round;
    this.drawStage();

    const source = state.evaluation ? `public set: ${state.evaluation.data}` : "";
    for (const name of ["source-accuracy", "source-loss"]) this.set(name, source);
    this.heldOut = new Map((report.heldOut?.rounds ?? []).map((line) => [line.round, line]));
    const last = [...this.heldOut.values()].at(-1);
    const paid = report.heldOut ? `paid: ε ${epsilon(report.heldOut.epsilonPaid.colluders)}` : "";
    this.set("paid-accuracy", last?.accuracy === undefined ? paid : `${paid} · held out ${heldOutText.accuracy(last)}`);
    this.set("paid-loss", last?.loss === undefined ? paid : `${paid} · held out ${heldOutText.loss(last)}`);
    for (const name of ["paid-accuracy", "paid-loss"]) this.parts[name].hidden = !report.heldOut;
    const range = this.parts.cursor;
    range.disabled = this.lastRound < 1;
    range.max = Math.max(1, report.rounds);
    if (this.follows || !this.cursor) this.cursor = this.lastRound;
    for (const chart of this.charts) chart.draw();
    this.drawCursor();
    this.drawFacts();
    this.drawTable();
    this.drawPrivacy();
  }

  drawStage() {
    const { stage, report } = this.state;
    const isOver = ["finished", "stopped", "exhausted"].includes(report.status) && !stage;
    this.parts.stages.hidden = isOver;
    this.parts["present-bar"].parentElement.hidden = isOver;
    if (isOver) return;
    const order = ["selection", "configuration", "reporting", "closing"];
    const at = stage ? order.indexOf(stage.stage) : -1;
    const notes = ["clients are found", "they fetch model and plan", "sealed updates come in", "the sum becomes a step"];
    for (const [index, item] of [...this.parts.stages.children].entries()) {
      item.dataset.at = index < at ? "past" : index === at ? "now" : "later";
      if (index === at) item.setAttribute("aria-current", "step"); else item.removeAttribute("aria-current");
      if (item.lastChild.textContent !== notes[index]) item.lastChild.textContent = notes[index];
    }
    const bar = this.parts["present-bar"];
    const share = (count) => `${stage && stage.target ? Math.min(100, (100 * count) / stage.target) : 0}%`;
    bar.firstChild.style.width = share(stage?.present ?? 0);
    bar.lastChild.style.left = `calc(${share(stage?.minimum ?? 0)} - 2px)`;
    bar.lastChild.style.visibility = stage ? "visible" : "hidden";
    if (!stage) {
      this.set("present", report.status === "running" ? "" : "No round is open.");
    } else {
      const what = { selection: "present", configuration: "have joined", reporting: "have delivered", closing: "are in the sum" }[stage.stage];
      const attempt = stage.attempt > 1 ? `, attempt ${stage.attempt}` : "";
      this.set("present", `Round ${stage.round}${attempt}: ${stage.present} of ${stage.target} ${what}, at least ${stage.minimum} needed`);
    }
    this.drawDeadline();
  }

  drawDeadline() {
    const { stage } = this.state;
    const seconds = stage?.deadline ? Math.ceil((stage.deadline - Date.now() - skew) / 1000) : null;
    this.set("deadline", seconds === null ? "" : seconds > 0 ? `at most ${seconds} s` : "deadline reached");
  }

  describe(round) {
    const attempt = this.committed.get(round);
    const failed = this.abandoned.filter((a) => a.round === round).length;
    return { attempt, failed };
  }

  drawCursor() {
    const round = this.cursor ?? 0;
    const { attempt, failed } = this.describe(round);
    const dash = "–";
    this.set("cursor-text", round < 1 ? "nothing committed yet" : `showing round ${round}${this.follows && round === this.lastRound ? ", the latest" : ""}`);
    // An evaluation round leaves the model as it was.
    const trained = this.heldOut.has(round) ? this.committed.get(round - 1) : attempt;
    this.set("value-accuracy", trained?.accuracy === undefined ? dash : percent(trained.accuracy));
    this.set("value-loss", trained?.loss === undefined ? dash : fixed(trained.loss, 4));
    this.set("value-clients", !attempt ? dash : `${attempt.survivors} of ${attempt.members}${failed ? `, ${failed} abandoned before` : ""}`);
    const range = this.parts.cursor;
    range.value = round;
    range.setAttribute("aria-valuetext", !attempt ? "nothing committed yet"
      : `Round ${round}: ${attempt.accuracy === undefined ? "" : `accuracy ${percent(attempt.accuracy)}, `}${attempt.loss === undefined ? "" : `loss ${fixed(attempt.loss, 4)}, `}${attempt.survivors} of ${attempt.members} delivered`);
    for (const chart of this.charts) chart.drawCursor(round);
  }

  drawFacts() {
    const all = [...this.committed.values()];
    const sum = (key) => all.reduce((total, attempt) => total + attempt[key], 0);
    const { report } = this.state;
    const updates = sum("survivors");
    const members = sum("members");
    this.set("least", `at least ${this.state.terms.fewestSurvivors}`);
    this.set("updates", number.format(updates));
    this.setWith("dropouts", number.format(members - updates), members ? ` ${percent((members - updates) / members)}` : "");
    this.setWith("abandoned", number.format(this.abandoned.length), this.abandoned.length ? " all charged" : "");
    this.set("seconds", report.round ? duration(report.secondsPerRound) : "–");
    const up = this.attempts.reduce((total, attempt) => total + attempt.bytesUp, 0);
    const down = this.attempts.reduce((total, attempt) => total + attempt.bytesDown, 0);
    this.setWith("up", bytes(up), report.round ? ` ${bytes(report.bytesUpPerClientRound)} an update` : "");
    this.setWith("down", bytes(down), ` ${bytes(report.bytesDownPerClientRound)} a model`);
  }

  drawTable() {
    if (!this.parts["table-box"].open || !this.attempts) return;
    const most = this.showsAll ? Infinity : 100;
    const shown = [...this.attempts].reverse().slice(0, most);
    this.parts.more.hidden = this.attempts.length <= most;
    this.set("more", `Show all ${number.format(this.attempts.length)}`);
    const key = JSON.stringify(shown);
    if (key === this.tableKey) return;
    this.tableKey = key;
    const isPublic = this.state.evaluation || this.heldOut.size ? "" : "–";
    const quality = (a, name, text) => {
      if (a[name] !== undefined) return text(a[name]);
      const line = a.stage === "committed" ? this.heldOut.get(a.round) : undefined;
      return line?.[name] === undefined ? isPublic : `${heldOutText[name](line)}, paid`;
    };
    this.parts.rows.replaceChildren(...shown.map((a) => {
      const cells = [
        number.format(a.members), number.format(a.survivors), a.stage === "committed" ? number.format(a.members - a.survivors) : "",
        quality(a, "accuracy", percent), quality(a, "loss", (loss) => fixed(loss, 4)),
        a.seconds === undefined ? "" : fixed(a.seconds, 2), bytes(a.bytesUp), bytes(a.bytesDown),
      ];
      return element("tr", { "data-stage": a.stage },
        element("th", { scope: "row" }, a.attempt > 1 ? `${a.round}, attempt ${a.attempt}` : `${a.round}`),
        element("td", {}, a.stage), ...cells.map((text) => element("td", { class: "n" }, text)));
    }));
  }

  drawPrivacy() {
    const { report, budget } = this.state;
    const key = JSON.stringify([budget, report.epsilonAgainst, report.status, report.attempts]);
    if (key === this.privacyKey) return;
    this.privacyKey = key;
    this.set("privacy-text", `δ = ${budget.delta.toExponential().replace("e-", " · 10⁻").replace(/⁻(\d+)/, (_, digits) => "⁻" + [...digits].map((d) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[d]).join("")).replace(/^1 · /, "")} for each ${report.unit}; ${plural(report.attempts, "attempt", "attempts")} charged`);
    const own = (adversary) => adversary === "outsider" ? report.epsilonAgainst.outsider
      : adversary === "client" ? report.epsilonAgainst.client
      : adversary === "server" ? report.epsilonAgainst.server
      : adversary.startsWith(`${report.epsilonAgainst.colluderCount} `) ? report.epsilonAgainst.colluders : undefined;
    this.parts.privacy.replaceChildren(...budget.lines.map((line) => {
      const share = line.limit ? (line.spent ?? Infinity) / line.limit : null;
      const meter = element("span", { class: "meter", "data-level": share > 1 ? "over" : share > 0.9 ? "high" : "" }, element("span"));
      meter.firstChild.style.width = `${Math.min(1, share ?? 0) * 100}%`;
      const title = line.adversary[0].toUpperCase() + line.adversary.slice(1);
      return element("tr", {},
        element("th", { scope: "row" }, title, element("small", {}, line.explanation === line.adversary ? (report.epsilonAgainst.colluderCount === 1 ? "who knows its own noise" : "who know their own noise") : line.explanation)),
        element("td", { class: "n", "data-label": "ε of this task" }, epsilon(own(line.adversary))),
        element("td", { class: "n", "data-label": "ε of the population" }, epsilon(line.spent)),
        element("td", { class: "n", "data-label": "Budget" }, line.limit === undefined ? "not limited" : `${line.limit}`),
        element("td", {}, ...(share === null ? [] : [meter, element("span", { class: "hidden" }, `${Math.ceil(share * 100)} % of the budget`)])));
    }));
    const terms = [
      ["Planned ε of this task", `${report.plannedEpsilon} against ${report.epsilonAgainst.colluderCount} colluding`], ["Unit and adjacency", `${report.unit}, ${report.adjacency}`],
      ["Sampling", report.sampling], ["Accounting", `${report.accountant}, ${report.conversion} conversion`],
      ["Noise multiplier", fixed(report.noiseMultiplier, 4)], ["Fewest updates of a release", `${report.fewestSurvivors}`],
    ];
    this.parts.terms.replaceChildren(...terms.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text))));
    this.parts.assumptions.replaceChildren(...report.assumptions.map((text) => element("li", {}, text)));
    this.set("ledger-count", `${plural(budget.ledgerEntries, "entry", "entries")} of population ${budget.population}`);
    this.set("ledger-head", budget.ledgerHead);
    this.set("model-hash", report.modelSHA256);
  }
}

// ---------------------------------------------------------------- charts

function shape(name, attributes, text) {
  const made = document.createElementNS(svgNamespace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** A round number at or above a value, and a step that divides it into two to five. */
function scaleTo(largest) {
  const power = 10 ** Math.floor(Math.log10(largest));
  for (const factor of [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]) {
    if (factor * power >= largest) {
      const parts = { 1: 4, 1.5: 3, 2: 4, 2.5: 5, 3: 3, 4: 4, 5: 5, 6: 3, 8: 4, 10: 5 }[factor];
      return { top: factor * power, step: (factor * power) / parts };
    }
  }
  return { top: 10 * power, step: 2 * power };
}

/** Rounds to name under a chart: first, last, and whole steps between. */
function ticksOf(rounds, width) {
  const most = Math.max(2, Math.floor(width / 80));
  if (rounds <= most) return Array.from({ length: rounds }, (_, index) => index + 1);
  const { step } = scaleTo(rounds);
  const whole = Math.max(1, Math.ceil(Math.max(step, rounds / most)));
  const ticks = [];
  for (let round = whole; round < rounds - whole / 2; round += whole) ticks.push(round);
  return [1, ...ticks.filter((round) => round > 1 + whole / 3), rounds];
}

class Chart {
  constructor(figure, owner) {
    this.kind = figure.dataset.chart;
    this.owner = owner;
    this.plot = figure.querySelector(".plot");
    // The slider below is the way in for the keyboard, and the table tells all values.
    this.svg = shape("svg", { role: "img", "aria-label": "" });
    this.plot.append(this.svg);
    const follow = (event) => {
      if (!this.map || this.owner.lastRound < 1) return;
      this.owner.moveTo(Math.round(this.map.roundAt(event.clientX - this.svg.getBoundingClientRect().left)));
    };
    this.plot.addEventListener("pointermove", follow);
    this.plot.addEventListener("pointerdown", follow);
    this.plot.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") this.owner.moveTo(this.owner.lastRound);
    });
    new ResizeObserver(() => { if (this.owner.state) { this.draw(); this.drawCursor(this.owner.cursor ?? 0); } }).observe(this.plot);
  }

  draw() {
    const { state, committed } = this.owner;
    const width = this.plot.clientWidth;
    const height = this.plot.clientHeight;
    if (!width) return;
    const planned = Math.max(1, state.report.rounds);
    const key = [width, height, planned, this.owner.attempts.length, this.owner.lastRound, state.evaluation?.data, this.owner.heldOut.size].join();
    if (key === this.key) return;
    this.key = key;
    const [left, right, top, bottom] = [36, 2, 8, 20];
    const inner = width - left - right;
    const isBars = this.kind === "clients";
    const slot = inner / planned;
    const x = isBars || planned === 1 ? (round) => left + (round - 0.5) * slot : (round) => left + ((round - 1) / (planned - 1)) * inner;
    const roundAt = isBars || planned === 1 ? (place) => (place - left) / slot + 0.5 : (place) => 1 + ((place - left) / inner) * (planned - 1);

    const values = [...committed.values()].sort(inOrder)
      .filter((a) => isBars || a[this.kind] !== undefined);
    const held = isBars ? [] : [...this.owner.heldOut.values()].filter((line) => line[this.kind] !== undefined);
    const largest = this.kind === "accuracy" ? 1
      : isBars ? Math.max(state.terms.cohort, ...this.owner.attempts.map((a) => a.members))
      : Math.max(1e-9, ...values.map((a) => a.loss), ...held.map((line) => line.loss));
    const { top: most, step } = this.kind === "accuracy" ? { top: 1, step: 0.25 } : isBars ? { top: largest, step: largest } : scaleTo(largest);
    const y = (value) => top + (1 - value / most) * (height - top - bottom);
    this.map = { x, y, roundAt, top, bottom: height - bottom };

    const parts = [];
    for (let value = 0; value <= most * 1.0001; value += step) {
      const label = this.kind === "accuracy" ? `${Math.round(100 * value)}%` : isBars ? `${value}` : `${Number(value.toPrecision(3))}`;
      parts.push(shape("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
      parts.push(shape("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, label));
    }
    for (const round of ticksOf(planned, inner)) {
      const anchor = round === planned && !isBars && planned > 1 ? "end" : "middle";
      parts.push(shape("text", { x: x(round), y: height - 4, "text-anchor": anchor }, `${round}`));
    }
    parts.push(...(isBars ? this.bars(values, slot) : this.curve(values)), ...held.flatMap((line) => this.point(line, most)));
    this.line = shape("line", { class: "line", y1: top, y2: height - bottom, visibility: "hidden" });
    this.spot = shape("circle", { class: "spot", r: 4.5, visibility: "hidden" });
    parts.push(this.line, this.spot);
    this.svg.replaceChildren(...parts);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.describe(values);
  }

  curve(values) {
    if (!values.length) return [];
    const { x, y, bottom } = this.map;
    const points = values.map((a) => [x(a.round), y(a[this.kind])].map((place) => place.toFixed(1)).join(" "));
    const line = `M${points.join("L")}`;
    const area = `${line}L${x(values.at(-1).round).toFixed(1)} ${bottom}L${x(values[0].round).toFixed(1)} ${bottom}Z`;
    return [shape("path", { class: "area", d: area }), shape("path", { class: "curve", d: line })];
  }

  /** A figure with noise: its place, and one standard deviation to each side. */
  point(line, most) {
    const { x, y } = this.map;
    const [value, error] = [line[this.kind], line[`${this.kind}Error`]];
    const within = (place) => y(Math.min(most, Math.max(0, place)));
    return [
      shape("line", { class: "error", x1: x(line.round), x2: x(line.round), y1: within(value - error), y2: within(value + error) }),
      shape("circle", { class: "held", cx: x(line.round), cy: within(value), r: 3 }),
    ];
  }

  bars(values, slot) {
    const { x, y, top } = this.map;
    const width = Math.max(0.6, Math.min(18, slot * (slot > 4 ? 0.72 : 1)));
    const path = (from, to) => values.filter((a) => to(a) > from(a))
      .map((a) => `M${(x(a.round) - width / 2).toFixed(2)} ${y(from(a)).toFixed(1)}h${width.toFixed(2)}V${y(to(a)).toFixed(1)}h${(-width).toFixed(2)}Z`).join("");
    const least = this.owner.state.terms.fewestSurvivors;
    return [
      shape("path", { class: "delivered", d: path(() => 0, (a) => a.survivors) }),
      shape("path", { class: "dropped", d: path((a) => a.survivors, (a) => a.members) }),
      shape("line", { class: "under", x1: x(0.5), x2: x(this.owner.state.report.rounds + 0.5), y1: y(least), y2: y(least) }),
      shape("line", { class: "least", x1: x(0.5), x2: x(this.owner.state.report.rounds + 0.5), y1: y(least), y2: y(least) }),
      ...this.owner.abandoned.map((a) => shape("circle", { class: "abandoned", cx: x(a.round), cy: top + 2, r: 3 })),
    ];
  }

  describe(values) {
    const state = this.owner.state;
    this.plot.querySelector(".nothing")?.remove();
    const isQuality = this.kind !== "clients";
    const isNoised = isQuality && this.owner.heldOut.size > 0;
    if (isNoised && !values.length) {
      // The points say enough.
    } else if (isQuality && !state.evaluation && !state.report.heldOut) {
      this.plot.append(element("p", { class: "nothing" }, "This task names no public data, so nothing is evaluated."));
    } else if (!values.length) {
      this.plot.append(element("p", { class: "nothing" }, isQuality ? "The curve begins with the first round." : "One bar for each round."));
    }
    const last = values.at(-1);
    const name = { accuracy: "Accuracy", loss: "Loss", clients: "Clients" }[this.kind];
    const say = !last ? "no value yet" : this.kind === "accuracy" ? `${percent(last.accuracy)} after round ${last.round}`
      : this.kind === "loss" ? `${fixed(last.loss, 4)} after round ${last.round}` : `${last.survivors} of ${last.members} delivered in round ${last.round}`;
    const noised = isNoised ? [...this.owner.heldOut.values()].filter((line) => line[this.kind] !== undefined).at(-1) : undefined;
    const paid = noised ? `; on held-out data, noised, ${heldOutText[this.kind](noised)} in round ${noised.round}` : "";
    this.svg.setAttribute("aria-label", `${name} by round: ${say}${paid}. All values are in the table of rounds.`);
  }

  drawCursor(round) {
    if (!this.map || !this.line) return;
    const attempt = this.owner.committed.get(round);
    const value = this.kind === "clients" ? attempt?.survivors : attempt?.[this.kind];
    const isShown = attempt && value !== undefined;
    for (const part of [this.line, this.spot]) part.setAttribute("visibility", isShown ? "visible" : "hidden");
    if (!isShown) return;
    const place = this.map.x(round).toFixed(1);
    this.line.setAttribute("x1", place);
    this.line.setAttribute("x2", place);
    this.spot.setAttribute("cx", place);
    this.spot.setAttribute("cy", this.map.y(value).toFixed(1));
    if (this.kind === "clients") this.spot.setAttribute("visibility", "hidden");
  }
}

setInterval(() => view?.state && view.drawDeadline(), 1000);
follow();
