// Fills the start page from the invoker's own routes. Everything it is told is shown as text, never as markup.
"use strict";

const BUSY = 2000; // milliseconds between two looks while a run is under way
const CALM = 10000;
const LATE = 90000; // milliseconds after news in which results are asked for again: a mounted bucket shows them late
const SIGN_IN = "Results are shown to those who may read them: sign in with a Google account.";
const MARKS = { requested: "○", started: "◐", succeeded: "●", failed: "✕" };
const SVG = "http://www.w3.org/2000/svg";
const el = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const money = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const medians = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1 });
const SESSION = 3600; // seconds, as the invoker keeps a token
let known = new Map();
let done = null; // what was told of the runs that are done, and of the reports that follow them
let anewUntil = 0;
let owed = false; // results that could not be had

class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Problem(0, "The invoker cannot be reached. Is it running?");
  }
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => null); // a proxy before the invoker speaks in its own way
  if (!answer.ok) throw new Problem(answer.status, content?.detail ?? `The answer is ${answer.status} ${answer.statusText}, not the invoker's own.`);
  if (content === null) throw new Problem(0, "The answer is not the invoker's own.");
  return content;
}

function make(tag, text = "", attributes = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== "") made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// Who stands on a link stands on it afterwards too.
function replace(id, parts) {
  const place = el(id);
  const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  place.replaceChildren(...parts);
  if (focused) place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

// The label is shown where the screen is too narrow for a head.
const number = (label, text) => make("td", text, { class: "number", "data-label": label });

function bar(share, largest, colour) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const filled = document.createElementNS(SVG, "rect");
  filled.setAttribute("width", `${largest ? (100 * share) / largest : 0}%`);
  filled.setAttribute("height", "100%");
  filled.setAttribute("rx", "2");
  filled.setAttribute("fill", colour);
  svg.append(filled);
  return svg;
}

function swatch(colour) {
  const box = make("span", "", { class: "swatch", "aria-hidden": "true" });
  box.style.backgroundColor = colour;
  return box;
}

function segmentRow(one, largest) {
  const name = make("th", "", { scope: "row" }, swatch(one.colour), one.segment);
  const share = make("td", "", { "data-label": "Share" }, make("span", "", { class: "bar" }, bar(one.share, largest, one.colour), percent.format(one.share)));
  return make(
    "tr", "", {}, name, number("Customers", whole.format(one.customers)), share, number("Orders", whole.format(one.orders)),
    number("Revenue", money.format(one.revenue)), number("Recency (days)", medians.format(one.median_recency)),
    number("Frequency", medians.format(one.median_frequency)), number("Monetary", money.format(one.median_monetary)),
    make("td", one.advice, { class: "words" }),
  );
}

// A part of the page: what to ask, how to show it; a problem stands where the part would. False: it is worth asking again.
async function fill(name, path, show) {
  const about = el(`${name}-about`);
  try {
    show(await ask(path), about);
    about.classList.remove("problem");
    performance.mark(`${name} filled`);
    return true;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const expected = problem.status === 401 || problem.status === 404;
    if (problem.status === 401) signedOut();
    about.textContent = problem.status === 401 ? "Sign in to see them." : problem.message;
    about.classList.toggle("problem", !expected);
    return expected;
  }
}

function showSegments(found, about) {
  const rejected = found.rejected ? `, ${whole.format(found.rejected)} not scored` : "";
  about.textContent = `As of ${found.run_date}: ${whole.format(found.scored)} customers scored${rejected}. Run ${found.run_id}, model ${found.model_id ?? "none"}.`;
  const largest = Math.max(...found.segments.map((one) => one.share));
  el("segment-rows").replaceChildren(...found.segments.map((one) => segmentRow(one, largest)));
  el("segment-rows").closest(".wide").hidden = found.segments.length === 0;
}

function showReports(found, about) {
  about.textContent = found.reports.length ? "" : "No report yet; the first run that is confirmed publishes one.";
  const links = found.reports.map((one) => {
    const data = make("a", "as data", { href: one.data, "aria-label": `Report of ${one.run_date} as data` });
    return make("li", "", {}, make("a", `Report of ${one.run_date}`, { href: one.url }), " (", data, ")");
  });
  replace("report-links", links);
  el("report-links").hidden = links.length === 0;
}

function stateOf(state) {
  return make("td", "", { class: `state ${state}` }, make("span", `${MARKS[state]} `, { "aria-hidden": "true" }), state);
}

function runRow(run) {
  const steps = run.steps.filter((step) => step.step !== "orchestrate").map((step) => `${step.step} ${step.state}`);
  const said = make("td", steps.join(", "), { class: "words" });
  if (run.error) said.append(make("div", `${run.error.type}: ${run.error.message}`, { class: "problem" }));
  const when = make("time", new Date(run.requested_at).toLocaleString(), { datetime: run.requested_at });
  return make(
    "tr", "", {}, make("th", "", { scope: "row" }, make("a", run.run_id, { href: `/runs/${encodeURIComponent(run.run_id)}` })),
    stateOf(run.state), said, make("td", "", { "data-label": "Asked for" }, when), make("td", run.requested_by, { "data-label": "By" }),
  );
}

// What changed is said to those who do not see it change.
function tellNews(runs) {
  const changed = runs.filter((run) => known.size && known.get(run.run_id) !== run.state);
  if (changed.length) el("news").textContent = changed.map((run) => `${run.run_id} ${run.state}`).join(", ");
  known = new Map(runs.map((run) => [run.run_id, run.state]));
}

async function showRuns() {
  let busy = false;
  await fill("runs", "/runs?limit=20", (found, about) => {
    about.textContent = found.runs.length ? "" : "No run was asked for yet: GET /invoke?run_date=YYYY-MM-DD asks for one.";
    replace("run-rows", found.runs.map(runRow));
    el("run-rows").closest(".wide").hidden = found.runs.length === 0;
    tellNews(found.runs);
    noteWhatIsDone(found.runs);
    busy = found.runs.some((run) => run.state === "requested" || run.state === "started");
  });
  return busy;
}

// A report is made after its run has succeeded; the one of the attempt before is gone by then.
function noteWhatIsDone(runs) {
  const ended = runs.filter((run) => run.state === "succeeded");
  const now = JSON.stringify(ended.map((run) => [run.run_id, run.steps.map((step) => step.state)]));
  if (done !== null && now !== done) anewUntil = Date.now() + LATE;
  done = now;
}

async function showResults() {
  const had = await Promise.all([fill("segments", "/segments", showSegments), fill("reports", "/reports", showReports)]);
  owed = had.includes(false);
}

// Whatever happens, it is looked again.
async function follow() {
  let busy = false;
  try {
    if (document.hidden) return;
    busy = await showRuns();
    if (owed || Date.now() < anewUntil) await showResults();
  } finally {
    setTimeout(follow, busy ? BUSY : CALM);
  }
}

async function begin() {
  let busy = false;
  try {
    [busy] = await Promise.all([showRuns(), showResults()]);
    // the frame after has what was filled in
    requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("drawn")));
  } finally {
    setTimeout(follow, busy ? BUSY : CALM);
  }
}

function askForToken(why) {
  el("sign-in-why").textContent = why;
  el("sign-in").hidden = false;
}

// Nothing stays on the screen of who is not signed in, or not any more.
function signedOut() {
  for (const id of ["segment-rows", "run-rows", "report-links", "customer-answer", "news"]) el(id).replaceChildren();
  for (const part of document.querySelectorAll(".wide, #report-links")) part.hidden = true;
  showSignOut(false);
  if (el("sign-in").hidden) askForToken(SIGN_IN);
}

// No script sees the cookie that has the token: another one, which goes when it goes, says that it is there.
function showSignOut(signedIn) {
  document.cookie = `signed-in=yes; path=/; samesite=strict; max-age=${signedIn ? SESSION : 0}`;
  el("sign-out").hidden = !signedIn;
}

async function signIn(event) {
  event.preventDefault();
  try {
    await ask("/session", { method: "POST", headers: { Authorization: `Bearer ${el("token").value.trim()}` } });
    el("token").value = "";
    el("sign-in").hidden = true;
    showSignOut(true);
    await Promise.all([showRuns(), showResults()]);
  } catch (problem) {
    askForToken(problem.message);
  }
}

async function signOut() {
  try {
    await ask("/session", { method: "DELETE" });
    showSignOut(false);
    await Promise.all([showRuns(), showResults()]);
  } catch (problem) {
    askForToken(problem.message);
  }
}

function measureLine(one) {
  const shown = one.value === null ? "no value" : one.measure === "monetary" ? money.format(one.value) : whole.format(one.value);
  const score = one.score === null ? "" : ` Score ${one.score} of ${one.best}: ${one.because}.`;
  return make("li", `${one.measure}: ${shown}${one.measure === "monetary" ? "" : ` ${one.unit}`}.${score}`);
}

function showCustomer(found, why) {
  const { latest } = found;
  const stale = found.current ? "" : " (no later order counts)";
  const title = latest.segment ? `${found.customer_id} is ${latest.segment} as of ${latest.run_date}${stale}.` : `${found.customer_id} was not scored on ${latest.run_date}: ${latest.reason}.`;
  const history = found.history.slice(1).map((one) => make("li", `${one.run_date}: ${one.segment ?? one.reason}`));
  const parts = [make("p", "", {}, make("strong", title)), make("ul", "", {}, ...why.measures.map(measureLine))];
  if (why.advice) parts.push(make("p", why.advice));
  if (history.length) parts.push(make("p", "Before:"), make("ul", "", {}, ...history));
  el("customer-answer").replaceChildren(...parts);
}

async function lookUp(event) {
  event.preventDefault();
  const path = `/customers/${encodeURIComponent(el("customer-id").value.trim())}`;
  try {
    const found = await ask(path);
    showCustomer(found, await ask(`${path}/explain?run_date=${found.latest.run_date}`));
  } catch (problem) {
    if (problem.status === 401) signedOut();
    el("customer-answer").replaceChildren(make("p", problem.status === 401 ? SIGN_IN : problem.message, { class: "problem" }));
  }
}

el("sign-in-form").addEventListener("submit", signIn);
el("customer-form").addEventListener("submit", lookUp);
el("sign-out").addEventListener("click", signOut);
el("sign-out").hidden = !document.cookie.includes("signed-in=yes");
document.addEventListener("visibilitychange", () => document.hidden || showRuns());
begin();
