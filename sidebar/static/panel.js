/* The pane's one script: asks the server for pieces, keeps the app token in memory, talks to the host.
   No storage, no cookies. Everything it shows was rendered by the server. */
(() => {
  "use strict";
  const app = document.getElementById("app");
  const toast = document.getElementById("toast");
  const start = JSON.parse(document.getElementById("start").textContent);
  const state = { token: start.token, frame: start.token, conversation: start.conversation || "", shown: "", turn: 0, view: 0, drafts: 0, loading: null, singleKeys: true, missed: null, opening: null, brought: "", written: new Map(), writtenIn: start.conversation || "" };
  const $ = (selector, root = app) => root.querySelector(selector);
  const $$ = (selector, root = app) => [...root.querySelectorAll(selector)];
  const pane = () => $(".pane");
  let words = {};

  // ---- The server -----------------------------------------------------------------------------

  class Problem extends Error {
    constructor(body, view) { super(body.next_step || body.headline || body.detail || ""); this.body = body; this.view = view; }
  }

  async function ask(path, { form, key, json, token = state.token, keep = false } = {}) {
    const headers = { Accept: json ? "application/json, application/problem+json" : "text/html, application/problem+json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (key) headers["Idempotency-Key"] = key;
    const open = $$("details.order[open]").map((one) => one.dataset.orderId);
    if (open.length) headers["X-Open-Orders"] = open.join(",");
    const { view } = state;
    let answer;
    try {
      answer = await fetch(path, { method: form ? "POST" : "GET", body: form, headers, credentials: keep ? "same-origin" : "omit", cache: "no-store" });
    } catch {
      throw new Problem({ next_step: words.noAnswer, status: 0 }, view);
    }
    if (!answer.ok) {
      const body = await answer.json().catch(() => ({ status: answer.status }));
      throw new Problem(body, view);
    }
    return json ? answer.json() : answer.text();
  }

  /* The frame's own token stays while the customer on screen changes; requests about a customer wait for the new one. */
  function hold(token, ready = true) { state.frame = token; if (ready) state.token = token; }

  const fields = (values) => { const form = new URLSearchParams(); for (const [name, value] of Object.entries(values)) form.set(name, value); return form; };

  setInterval(async () => {
    const token = state.frame;
    if (!token) return;
    try {
      const fresh = (await ask("/sidebar/token", { form: fields({}), json: true, token })).token;
      if (state.frame === token) hold(fresh, Boolean(state.token));
    } catch { /* the next request says so */ }
  }, 8 * 60 * 1000);

  // ---- The pane -------------------------------------------------------------------------------

  function settle() {
    const found = $("#words");
    if (found) words = JSON.parse(found.textContent);
    const root = pane();
    document.documentElement.lang = root.lang;
    document.documentElement.dir = root.dir;
    giveBack();
    follow();
    fits();
  }

  /* Below everything, after the pane has opened: nothing that is being read moves. */
  async function fits() {
    const place = $("[data-fits]");
    if (!place || !state.token) return;
    const html = await ask(`/sidebar/fits${here()}`).catch(() => "");
    if (place.isConnected) place.innerHTML = html;
  }

  /* Where the focus is, to be found again in a new picture: by id, or by its place in what has one. */
  function standing() {
    const one = document.activeElement;
    if (!one || !app.contains(one)) return () => null;
    const home = one.closest("[id]").id;
    const stops = () => $$("a[href], button, input, select, textarea, summary", document.getElementById(home) || app);
    const at = stops().indexOf(one);
    return () => (one.id ? document.getElementById(home) : stops()[at]);
  }

  /* Put a new picture in place. The same customer: what is open, where one reads and what one types stays. */
  function swap(html, { keep = false, focus = false, same = "" } = {}) {
    const open = keep ? $$("details[open]").map((one) => one.closest("[id]")?.id + "/" + one.className) : null;
    const { view } = pane().dataset;
    let [who, about] = [customer(), topic()];
    const spoken = pane().lang;
    const reply = keep && (state.written.has(about) || $("#reply")?.dataset.chosen) ? $("#reply") : null;
    const caret = letter() && [letter().selectionStart, letter().selectionEnd];
    const at = standing();
    const scroll = scrollY;
    app.innerHTML = html;
    if (same && same === who && customer() && customer() !== who) {
      renumber(who, customer());
      about = about && customer() + about.slice(who.length);
      who = customer();
    }
    settle();
    if (keep) {
      for (const one of $$("details")) one.open = open.includes(one.closest("[id]")?.id + "/" + one.className);
      if (view) pane().dataset.view = view;
      if (reply && letter() && who === customer() && about !== topic()) {
        $("#reply").replaceWith(reply); // another letter than would be suggested now
        if (spoken !== pane().lang) draft({});
      }
      if (letter()) leads(view === "reply");
      scrollTo(0, scroll);
      at()?.focus({ preventScroll: true });
      if (caret && letter() === document.activeElement) letter().setSelectionRange(...caret);
    }
    if (focus) { const head = $("h1"); if (head) { head.focus(); say(head.textContent.trim()); } }
  }

  const say = (text) => { const live = $("#said"); if (live) { live.textContent = ""; setTimeout(() => { live.textContent = text; }, 50); } };

  /* Late, it would stand beside another conversation's customer: then it is not said. */
  let fading;
  function tell(text, level = "info", view = state.view) {
    if (view !== state.view) return;
    const here = () => { if (view === state.view) toasted(text); };
    if (bridge.notify) bridge.notify(level, text).then((shown) => { if (!shown) here(); }, here);
    else here();
  }

  function toasted(text) {
    toast.replaceChildren(Object.assign(document.createElement("span"), { textContent: text }));
    clearTimeout(fading);
    fading = setTimeout(() => toast.replaceChildren(), 4000);
  }

  function failed(problem) { tell(problem.message || words.failed || "", "error", problem.view); }

  async function load(path, options = {}) {
    if (!state.token && pane().dataset.state === "wait") return; // another customer is on the way, and nothing overtakes them
    const turn = ++state.turn;
    const mine = state.loading = { path, options };
    try {
      const html = await ask(path);
      if (turn === state.turn) swap(html, options);
    } catch (problem) { if (turn === state.turn) failed(problem); } finally { if (state.loading === mine) state.loading = null; }
  }

  const customer = () => pane().dataset.customer || "";
  const here = () => (customer() ? `?customer=${customer()}` : "");
  const again = () => load(`/sidebar/pane${here() || (pane().dataset.query ? `?q=${encodeURIComponent(pane().dataset.query)}` : "")}`, { keep: true, same: customer() });

  /* Where the conversation could not be opened, it is tried once more: the search belongs to it, not to the one before. */
  async function search(text) {
    const query = text.trim();
    if (!query) return;
    if (!state.token && state.missed) {
      if (!(await reopen())) return;
      const field = $("[data-testid=search]");
      if (field) field.value = text;
    }
    load(`/sidebar/pane?q=${encodeURIComponent(query)}`, { focus: true });
  }

  // ---- Bodies of orders -------------------------------------------------------------------------

  /* A shut order has none until it is opened, or is about to be: pointed at or in focus for a moment. */
  const coming = new WeakMap();
  const bodyless = (order) => $(":scope > [data-body]", order);

  function fetched(order) {
    if (!coming.has(order)) {
      const answer = ask(`/sidebar/orders/${order.dataset.orderId}`);
      coming.set(order, answer);
      answer.catch(() => coming.delete(order)); // asked again by whoever opens it
    }
    return coming.get(order);
  }

  /* Once the promise is kept, the body stands there, or why it does not. */
  function embody(order) {
    const place = bodyless(order);
    if (place && !place.filling) place.filling = fill(order, place).finally(() => { place.filling = null; });
    return place ? place.filling : Promise.resolve();
  }

  async function fill(order, place) {
    place.setAttribute("aria-busy", "true");
    place.innerHTML = '<div class="sk-rows"><div class="sk w60"></div><div class="sk h34"></div><div class="sk w80"></div></div>';
    const slow = setTimeout(() => say(words.loading), 400);
    try {
      const holder = document.createElement("template");
      holder.innerHTML = await fetched(order);
      if (!place.isConnected) return;
      const found = holder.content.querySelector("details.order");
      if (!found) throw new Problem({ next_step: words.noAnswer });
      order.dataset.version = found.dataset.version;
      order.querySelector("summary").replaceChildren(...found.querySelector("summary").childNodes);
      place.replaceWith(found.querySelector(":scope > .order-b"));
      follow();
    } catch (problem) {
      coming.delete(order);
      place.removeAttribute("aria-busy");
      if (place.isConnected) unbodied(place, problem);
    } finally { clearTimeout(slow); }
  }

  /* No answer is not an empty order: say so where it would stand. */
  function unbodied(place, problem) {
    const told = document.createElement("div");
    told.className = "tell tell-warn";
    told.setAttribute("role", "alert");
    told.dataset.testid = "error";
    const why = Object.assign(document.createElement("p"), { textContent: [words.failed, problem.message].filter(Boolean).join(". ") });
    const retry = Object.assign(document.createElement("button"), { className: "btn", type: "button", textContent: words.again });
    retry.dataset.act = "body";
    told.append(why, retry);
    place.replaceChildren(told);
  }

  let pointing;
  function ahead(event) {
    const order = event.target.closest("details.order:not([open])");
    clearTimeout(pointing);
    if (order && state.token && bodyless(order)) pointing = setTimeout(() => { if (!order.open) fetched(order).catch(() => {}); }, 120);
  }
  app.addEventListener("pointerover", ahead);
  app.addEventListener("focusin", ahead);
  app.addEventListener("toggle", (event) => {
    if (event.target.matches("details.order[open]")) embody(event.target);
  }, true);

  // ---- Age of what is shown, and news ---------------------------------------------------------

  const put = (text, values) => (text || "").replace(/\{(\w+)\}/g, (_all, name) => values[name]);

  function age(seconds) {
    if (seconds < 60) return put(words.s, { count: seconds });
    if (seconds < 3600) return put(words.min, { count: Math.floor(seconds / 60) });
    return put(words.h, { hours: Math.floor(seconds / 3600), minutes: Math.floor(seconds / 60) % 60 });
  }

  function badge(seconds, mood, at) {
    const one = $(".fresh");
    if (!one || one.dataset.state === "load" || seconds === null) return;
    one.dataset.ageSeconds = seconds;
    if (mood) one.dataset.state = mood; else delete one.dataset.state;
    if (at) one.dataset.at = at;
    const text = mood === "old" && one.dataset.at ? put(words.asOf, { time: one.dataset.at }) : words.upToDate;
    if (mood !== "down") one.textContent = `${text} · ${age(seconds)}`;
  }

  setInterval(() => {
    const one = $(".fresh");
    if (document.visibilityState !== "visible" || !one || !one.dataset.ageSeconds) return;
    badge(Number(one.dataset.ageSeconds) + 1, one.dataset.state, "");
  }, 1000);

  const busy = () => $("dialog[open]") || pane().dataset.view === "reply";

  async function news() {
    if (document.visibilityState !== "visible" || !state.token || !customer()) return;
    const turn = state.turn;
    try {
      const found = await ask(`/sidebar/freshness${here()}`, { json: true });
      if (turn !== state.turn) return;
      badge(found.age, found.state, found.at);
      if (found.version && found.version !== pane().dataset.version && !busy()) await again();
    } catch (problem) {
      if (problem.view !== state.view) return; // it is about a frame's earlier conversation
      if (problem.body.status === 0) badge(Number($(".fresh")?.dataset.ageSeconds || 0), "old", "");
      else if (problem.body.code === "expired" || problem.body.code === "access_ended") { state.token = state.frame = ""; failed(problem); }
    }
  }
  setInterval(news, 10000);
  document.addEventListener("visibilitychange", news);

  /* Actions that are under way are asked for until they have ended. */
  let following;
  function follow(wait = 700) {
    clearTimeout(following);
    if ($("[data-refresh]")) following = setTimeout(async () => {
      for (const one of $$("[data-refresh]")) {
        try {
          const html = await ask(`/sidebar/actions/${one.dataset.action}`);
          const status = one.dataset.status;
          one.outerHTML = html;
          const now = document.getElementById(`action-${one.dataset.action}`);
          if (now && now.dataset.status !== status && !now.hasAttribute("data-refresh")) { say(now.textContent.trim()); if (!busy()) await again(); }
        } catch { /* asked again below */ }
      }
      follow(Math.min(wait * 1.4, 4000));
    }, wait);
  }

  // ---- Dialogues ------------------------------------------------------------------------------

  let opener = null;

  function show(dialog, from) {
    opener = from || document.activeElement;
    pane().append(dialog);
    dialog.addEventListener("close", () => { dialog.remove(); if (opener && opener.isConnected) opener.focus(); });
    dialog.showModal();
    const first = dialog.querySelector("input:not([type=hidden]):not([disabled]), textarea, select");
    if (first) first.focus();
    const form = dialog.querySelector("[data-preview]");
    if (form) preview(form, 0);
    return dialog;
  }

  async function dialog(button) {
    if (button.getAttribute("aria-disabled") === "true" || $("dialog[open]") || button.dataset.busy) return;
    button.dataset.busy = "1";
    const [view, who] = [state.view, customer()];
    try {
      const holder = document.createElement("template");
      holder.innerHTML = await ask(`/sidebar/orders/${button.dataset.order}/${button.dataset.kind}`);
      if (view !== state.view || who !== customer()) return; // it is about somebody who is not on screen any more
      show(holder.content.querySelector("dialog"), button);
    } catch (problem) { failed(problem); } finally { delete button.dataset.busy; }
  }

  const fromTemplate = (id, from) => show(document.getElementById(id).content.querySelector("dialog").cloneNode(true), from);

  let thinking;
  function preview(form, wait = 250) {
    const confirm = form.querySelector("[data-testid=refund-confirm]");
    confirm.setAttribute("aria-disabled", "true");
    clearTimeout(thinking);
    const turn = (form.dataset.turn = String(Number(form.dataset.turn || 0) + 1));
    thinking = setTimeout(async () => {
      const data = new URLSearchParams(new FormData(form));
      try {
        const html = await ask(`/sidebar/orders/${form.dataset.order}/refund/preview`, { form: data });
        if (form.dataset.turn !== turn || !form.isConnected) return;
        reckoned(form, html, confirm);
      } catch (problem) { if (form.dataset.turn === turn) trouble(form, problem); }
    }, wait);
  }

  function reckoned(form, html, confirm) {
    const sum = form.querySelector("[data-sum]");
    sum.innerHTML = html;
    trouble(form, null);
    const result = sum.querySelector("[data-result]");
    form.querySelector("[data-notes]").innerHTML = sum.querySelector("[data-result-notes]").innerHTML;
    needsProof(form, Boolean(result.dataset.freshProof));
    form.querySelector("[data-why-exception]").hidden = !result.dataset.exception;
    const total = form.querySelector("[data-testid=refund-total]");
    total.innerHTML = result.innerHTML;
    form.dataset.sum = result.dataset.sumText;
    const verb = confirm.querySelector("[data-verb]");
    verb.textContent = result.dataset.approval ? verb.dataset.approval : verb.dataset.plain;
    confirm.setAttribute("aria-disabled", result.dataset.allowed && confirm.dataset.may ? "false" : "true");
    clearTimeout(form.speaking);
    form.speaking = setTimeout(() => say(confirm.textContent.trim()), 500);
  }

  function trouble(form, problem) {
    const box = form.querySelector("[data-problem]");
    if (!box) return;
    box.hidden = !problem;
    box.querySelector("p").textContent = problem ? problem.message : "";
    if (problem && problem.body.code === "step_up") { box.hidden = true; needsProof(form, true); }
  }

  // ---- A fresh proof --------------------------------------------------------------------------

  function needsProof(form, needed) { const box = form.querySelector("[data-step-up]"); if (box) box.hidden = !needed; }

  /* Shown in a page beside the frame; then the dialogue goes on where it stood, under the same key. */
  async function prove(button) {
    const form = button.closest("form");
    const box = button.closest("[data-step-up]");
    const status = box.querySelector("[data-step-up-status]");
    button.disabled = true;
    status.textContent = status.dataset.waiting;
    const url = new URL("/admin/step-up", location.href).href;
    const opened = bridge.openUrl ? await within(4000, bridge.openUrl(url)).catch(() => false) : openPage(url);
    if (!opened) offerLink(box.querySelector("[data-step-up-link]"), url);
    const until = Date.now() + 5 * 60 * 1000;
    while (box.isConnected && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 2000));
      if (!box.isConnected) return;
      const found = await ask("/sidebar/stepped-up", { json: true }).catch(() => ({}));
      if (!box.isConnected) return; // the dialogue was left: what it was about is not done any more
      if (found.proven) { button.disabled = false; status.textContent = ""; proven(form); return; }
    }
    button.disabled = false;
    status.textContent = status.dataset.over;
  }

  function proven(form) {
    needsProof(form, false);
    if (form.dataset.refused) { delete form.dataset.refused; send(form); } else if ("preview" in form.dataset) preview(form, 0);
  }

  async function send(form) {
    const confirm = form.querySelector("[type=submit]");
    if (confirm.getAttribute("aria-disabled") === "true" || form.dataset.sending) return;
    form.dataset.sending = "1";
    confirm.setAttribute("aria-disabled", "true");
    trouble(form, null);
    const data = new URLSearchParams(new FormData(form));
    if (form.dataset.sum) data.set("sum", form.dataset.sum);
    try {
      const html = await ask(`/sidebar/orders/${form.dataset.order}/${form.dataset.kind}`, { form: data, key: form.dataset.key });
      const order = document.getElementById(`order-${form.dataset.order}`);
      form.closest("dialog").close();
      arrived(order, html);
    } catch (problem) {
      trouble(form, problem);
      if (problem.body.code === "step_up") form.dataset.refused = "1";
      if (problem.body.code === "sum_changed" && "preview" in form.dataset) preview(form, 0);
      else confirm.setAttribute("aria-disabled", "false");
    } finally { delete form.dataset.sending; }
  }

  /* Kept by the server; then the pane once more, because clocks and urgent rows may have moved. */
  async function keep(one) {
    if (one.dataset.sending) return;
    one.dataset.sending = "1";
    const form = one.closest("form");
    const { view } = state;
    try {
      await ask(one.dataset.path, { form: form ? new URLSearchParams(new FormData(form)) : fields({}), json: true });
      one.closest("dialog")?.close();
      tell(words.saved, "info", view);
      await again();
    } catch (problem) { if (form) trouble(form, problem); else failed(problem); } finally { delete one.dataset.sending; }
  }

  function arrived(order, html) {
    if (!order) return again();
    let list = order.querySelector("ul.acted");
    if (!list) {
      list = document.createElement("ul");
      list.className = "acted";
      order.querySelector(".acts").before(list);
    }
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const all = [...holder.content.querySelectorAll("li")];
    const one = all[0];
    for (const each of all) document.getElementById(each.id)?.remove();
    list.prepend(...all);
    one.focus({ preventScroll: true });
    one.scrollIntoView({ block: "nearest" });
    say(one.textContent.trim());
    follow();
  }

  function count(button, by) {
    const field = button.parentElement.querySelector("input");
    const most = Number(field.dataset.max);
    field.value = Math.max(0, Math.min(most, (Number.parseInt(field.value, 10) || 0) + by));
    field.dispatchEvent(new Event("input", { bubbles: true }));
    if (button.disabled) field.focus();
  }

  function counted(field) {
    const most = Number(field.dataset.max);
    const value = Number.parseInt(field.value, 10) || 0;
    if (value > most) field.value = most;
    const [less, more] = field.parentElement.querySelectorAll("button");
    less.disabled = value <= 0;
    more.disabled = value >= most;
    field.closest(".rl").classList.toggle("off", value <= 0);
  }

  function byAmount(button) {
    const form = button.closest("form");
    const amount = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(amount));
    form.elements.by.value = amount ? "amount" : "lines";
    for (const one of form.querySelectorAll("[data-by]")) one.hidden = (one.dataset.by === "amount") !== amount;
    if (amount) form.elements.amount.focus();
    preview(form, 0);
  }

  // ---- Reply ----------------------------------------------------------------------------------

  const letter = () => $("[data-testid=reply-text]");

  function openReply() {
    if (!letter()) return;
    state.before = scrollY;
    if (letter().offsetParent === null || pane().clientWidth < 1080) { pane().dataset.view = "reply"; leads(true); }
    scrollTo(0, 0);
    $("#rp").focus();
  }

  /* Alone on the screen, the reply's heading is the page's first. */
  function leads(first) {
    const head = $("#rp");
    if (first) { head.setAttribute("role", "heading"); head.ariaLevel = "1"; } else { head.removeAttribute("role"); head.ariaLevel = null; }
  }

  function closeReply() {
    delete pane().dataset.view;
    leads(false);
    scrollTo(0, state.before || 0);
    $("[data-act=reply]")?.focus({ preventScroll: true });
  }

  /* What a letter is about: whom, which order, which situation, in which language. */
  const topic = () => letter() && [customer(), $("#reply").dataset.order, $("[data-act=situation][aria-pressed=true]").dataset.situation, letter().lang].join();

  /* What the agent wrote is kept for each topic until another conversation has come; `at`: which of the texts
     stands there, -1 for the suggestion. Who changes the suggestion writes one more text: the earlier ones stay. */
  function wrote() {
    const own = state.written.get(topic()) || { texts: [], at: -1 };
    if (letter().value === letter().defaultValue) { if (own.at >= 0) own.texts.splice(own.at, 1); own.at = -1; }
    else if (own.at >= 0) own.texts[own.at] = letter().value;
    else own.at = own.texts.push(letter().value) - 1;
    if (own.texts.length) state.written.set(topic(), own);
    else state.written.delete(topic());
    offerOther();
  }

  function giveBack() {
    const own = state.written.get(topic());
    if (own) letter().value = own.at < 0 ? letter().defaultValue : own.texts[own.at];
    offerOther();
  }

  /* Two records of a person have become one: whom we asked about answers under another number. */
  function renumber(before, now) {
    for (const [about, own] of [...state.written]) {
      if (!about.startsWith(`${before},`)) continue;
      state.written.delete(about);
      state.written.set(now + about.slice(before.length), own);
    }
  }

  const ownStands = (about) => state.written.get(about)?.at >= 0;

  function offerOther() {
    const button = $("[data-act=other-text]");
    if (!button) return;
    const own = state.written.get(topic());
    button.hidden = !own;
    button.textContent = own && own.at + 1 < own.texts.length ? words.ownText : words.suggestedText;
  }

  function otherText(button) {
    const own = state.written.get(topic());
    own.at = own.at + 1 < own.texts.length ? own.at + 1 : -1;
    const shown = button.textContent;
    giveBack();
    say(shown);
  }

  async function draft(change) {
    const section = $("#reply");
    const values = new URLSearchParams({
      customer: customer(), order: section.dataset.order || "",
      situation: $("[data-act=situation][aria-pressed=true]")?.dataset.situation || "",
      language: $("[data-testid=reply-language]").value, ...change,
    });
    const turn = state.turn;
    const number = ++state.drafts;
    const before = topic();
    try {
      const html = await ask(`/sidebar/reply?${values}`);
      if (turn !== state.turn || number !== state.drafts || !section.isConnected) return false;
      const typing = document.activeElement === letter();
      const caret = [letter().selectionStart, letter().selectionEnd];
      section.outerHTML = html;
      $("#reply").dataset.chosen = "1";
      giveBack();
      leads(pane().dataset.view === "reply");
      if (typing) {
        letter().focus({ preventScroll: true });
        letter().setSelectionRange(...(before === topic() ? caret : [letter().value.length, letter().value.length]));
      } else if (change.situation) $(`[data-situation="${CSS.escape(change.situation)}"]`)?.focus();
      else if (change.language) $("[data-testid=reply-language]").focus();
      if (ownStands(before) && before !== topic()) toasted(words.textKept);
      else if (ownStands(topic())) say(words.ownText);
      return true;
    } catch (problem) {
      failed(problem);
      if (section.isConnected) $("[data-testid=reply-language]").value = letter().lang;
      return false;
    }
  }

  async function copy(text) {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* refused in most frames */ }
    const there = letter()?.value === text; // by now another letter may stand there
    const field = there ? letter() : document.body.appendChild(Object.assign(document.createElement("textarea"), { value: text }));
    field.focus();
    field.select();
    const copied = document.execCommand("copy"); // works in frames from a click, where the newer way is refused
    if (!there) field.remove();
    return copied;
  }

  async function copyReply(text = letter().value) {
    tell((await copy(text)) ? words.copied : words.selectText);
  }

  async function insertReply() {
    const before = state.conversation;
    const text = letter().value;
    const done = bridge.insertReply ? await within(9000, bridge.insertReply(text, before)).catch(() => null) : null;
    if (before !== state.conversation) return tell(words.changed, "warning");
    if (done && done.mode === "clipboard") return tell(words.copied, "success");
    if (done) return tell(words.inserted, "success");
    return copyReply(text);
  }

  // ---- Host -----------------------------------------------------------------------------------

  function within(time, promise) {
    let timer;
    const late = new Promise((_resolve, reject) => { timer = setTimeout(() => reject(new Error("no answer")), time); });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  /* A page beside the helpdesk; false where the frame may not open one. */
  function openPage(url) {
    const page = /^https?:/.test(url) ? window.open(url, "_blank") : null;
    if (page) page.opener = null;
    return Boolean(page);
  }

  /* The conversation is another one: nothing of the old one may stand under the new name. */
  function clear(conversation) {
    state.turn += 1;
    state.view += 1;
    state.loading = null;
    state.missed = null;
    state.conversation = conversation;
    state.token = "";
    const root = pane();
    root.dataset.state = "wait";
    root.removeAttribute("data-customer");
    for (const one of $$("main, aside, dialog")) one.remove();
    clearTimeout(fading);
    toast.replaceChildren();
    const wait = document.createElement("main");
    wait.className = "body one";
    wait.setAttribute("aria-busy", "true");
    wait.innerHTML = '<div class="sec who"><span class="sk sk-c"></span><div class="sk-rows"><div class="sk w60 h16"></div><div class="sk w80"></div></div></div><div class="sec sk-rows"><div class="sk w30"></div><div class="sk h34"></div><div class="sk w80"></div></div>';
    root.querySelector("header").after(wait);
    const fresh = $(".fresh");
    if (fresh) { fresh.dataset.state = "load"; fresh.dataset.ageSeconds = ""; fresh.textContent = words.loading || ""; }
  }

  /* Bring the host's word to our door; the answer is the pane of whom it names. */
  function open(values, { focus = document.hasFocus() } = {}) {
    const opening = state.opening = bring(values, focus);
    return opening;
  }

  async function bring(values, focus) {
    const turn = ++state.turn;
    try {
      const found = await ask(location.pathname, { form: fields(values), json: true, token: state.frame });
      if (turn !== state.turn) return false;
      if (!found.conversation || found.conversation !== state.writtenIn) state.written.clear();
      state.writtenIn = found.conversation;
      hold(found.token);
      state.conversation = found.conversation;
      document.title = found.title;
      swap(found.html, { focus });
      return true;
    } catch (problem) {
      if (turn === state.turn) silent("no-answer", values, problem.message);
      return false;
    }
  }

  /* What could not be opened, once more; whether it is there now. Another word of the host goes first. */
  function reopen() {
    const missed = state.missed;
    clear(state.conversation);
    if (missed.context) state.shown = identity(JSON.parse(missed.context));
    return open(missed, { focus: false });
  }

  /* No answer is not "no orders": say which, and offer to try again. `missed`: what was to be opened. */
  function silent(id, missed, why = "") {
    state.shown = "";
    state.missed = missed;
    pane().dataset.state = "failed";
    const told = document.getElementById(id).content.cloneNode(true);
    const place = told.querySelector("[data-why]");
    if (place) place.textContent = why;
    $("main").removeAttribute("aria-busy");
    $("main").replaceChildren(told);
    const fresh = $(".fresh");
    if (fresh) { fresh.dataset.state = "down"; fresh.textContent = words.failed || ""; }
    if (document.hasFocus()) $("h1").focus();
  }

  const strings = (values) => [...new Set((Array.isArray(values) ? values : []).filter((one) => typeof one === "string" && one.trim()))];
  const string = (value) => (value === null || value === undefined ? "" : String(value));

  /* A host's context in one form, whatever the host left out. */
  function clean(context) {
    const customer = context.customer || {};
    const agent = context.agent || {};
    return {
      state: ["none", "multiple"].includes(context.state) ? context.state : "single",
      conversation: string(context.conversation), account: string(context.account),
      subject: string(context.subject), language: string(context.language), channel: string(context.channel),
      customer: {
        emails: strings(customer.emails), phones: strings(customer.phones), name: string(customer.name),
        external_id: string(customer.external_id), verified: typeof customer.verified === "boolean" ? customer.verified : null,
      },
      agent: { id: string(agent.id), name: string(agent.name), email: string(agent.email) },
    };
  }

  /* Told of no conversation, one may still search by hand; whatever the host names later is another view. */
  const nowhere = () => ({ context: JSON.stringify(clean({})) });

  const identity = ({ state, conversation, account, customer }) => JSON.stringify(
    [state, account, conversation, customer.external_id, customer.emails.map((one) => one.toLowerCase()).sort(), [...customer.phones].sort()]);

  /* What the host says now. The same view again changes nothing; another one clears the screen before it loads. */
  function hear(told) {
    const context = clean(told);
    const shown = identity(context);
    if (shown === state.shown && (!told.token || told.token === state.brought)) return; // a proof is good once
    if (!told.token && !state.shown && state.token && !["wait", "failed"].includes(pane().dataset.state) && context.conversation === state.conversation) { state.shown = shown; return; } // the page came with it
    state.shown = shown;
    state.brought = told.token || "";
    clear(context.conversation);
    open(told.token ? { token: told.token } : { context: JSON.stringify(context) });
  }

  /* Of several questions to the host only the last one's answer counts: an earlier one may be about the conversation before. */
  let questions = 0;
  async function listen() {
    if (!bridge.context) return;
    const question = ++questions;
    try {
      const told = await within(5000, bridge.context());
      if (question === questions) hear(told);
    } catch { if (question === questions && pane().dataset.state === "wait") silent("no-context", nowhere()); }
  }

  /* Somebody else is there, and nobody has said yet who: nothing stands there meanwhile. */
  function hearAgain() {
    state.shown = "";
    clear(state.conversation);
    listen();
  }

  /* One of a helpdesk's own files in hosts/ makes this; see there for what each can do. */
  const bridge = window.desksideBridge ? window.desksideBridge({ start, within, openPage, word: (name) => words[name] || "" }) : {};

  settle();
  if (bridge.onContext) bridge.onContext(hear, hearAgain, listen);
  listen();
  if (bridge.resize && window.ResizeObserver) {
    let last = 0;
    let soon;
    new ResizeObserver(() => {
      clearTimeout(soon);
      soon = setTimeout(() => {
        const height = Math.ceil(app.getBoundingClientRect().height);
        if (height !== last) { last = height; bridge.resize(height); }
      }, 150);
    }).observe(app);
  }

  // ---- Pairing --------------------------------------------------------------------------------

  async function pair(button) {
    const box = button.closest("[data-pair]");
    const part = (name) => box.querySelector(`[data-pair-${name}]`);
    const view = state.view;
    button.disabled = true;
    try {
      const found = await ask("/sidebar/pair/start", { form: fields({}), json: true });
      part("code").hidden = false;
      part("code").textContent = found.user_code;
      part("status").textContent = part("status").dataset.waiting;
      const opened = bridge.openUrl ? await within(4000, bridge.openUrl(found.url)).catch(() => false) : openPage(found.url);
      if (!opened) offerLink(part("link"), found.url);
      paired(await confirmed(found, box), box, view);
    } catch (problem) {
      if (!box.isConnected) return;
      if (problem instanceof Problem) failed(problem);
      else part("status").textContent = part("status").dataset.over;
      button.disabled = false;
    }
  }

  /* Where the frame may open nothing, the address stands there to be followed or copied. */
  function offerLink(place, url) {
    place.hidden = false;
    const link = place.querySelector("a");
    link.href = link.textContent = url;
  }

  /* The one answer that may leave a cookie behind (see remembered.py); where the browser refuses it, nothing is lost. */
  async function confirmed({ device_code, expires_in, interval }, box) {
    const until = Date.now() + expires_in * 1000;
    while (Date.now() < until && box.isConnected) {
      await new Promise((resolve) => setTimeout(resolve, interval * 1000));
      if (!box.isConnected) break;
      const next = await ask("/sidebar/pair/poll", { form: fields({ device_code, customer: customer() }), json: true, keep: true });
      if (next.token) return next;
    }
    throw new Error("not confirmed in time");
  }

  /* The pane again, by somebody known now; the dialogue that asked for it opens again. */
  function paired(next, box, view) {
    if (!box.isConnected) { // the dialogue was left, or the conversation
      const still = view === state.view;
      hold(next.token, still);
      if (still) again(); else hearAgain();
      return;
    }
    const form = box.closest("form[data-order]");
    hold(next.token);
    swap(next.html, { keep: Boolean(form), focus: !form });
    const button = form && $(`[data-act=dialog][data-order="${CSS.escape(form.dataset.order)}"][data-kind="${CSS.escape(form.dataset.kind)}"]`);
    if (button) dialog(button);
  }

  // ---- What is pressed ------------------------------------------------------------------------

  const presses = {
    dialog, pair, keep, prove,
    "fits-off": async () => {
      try { await ask("/sidebar/fits/off", { form: fields({}), json: true }); $("[data-fits]")?.replaceChildren(); say(words.saved); $("h1")?.focus(); } catch (problem) { failed(problem); }
    },
    write: async (one) => { if (await draft({ situation: one.dataset.situation, order: one.dataset.order })) openReply(); },
    close: (one) => one.closest("dialog").close(),
    less: (one) => count(one, -1),
    "more-of": (one) => count(one, 1),
    by: byAmount,
    reply: openReply,
    back: closeReply,
    copy: () => copyReply(),
    insert: insertReply,
    "other-text": otherText,
    situation: (one) => draft({ situation: one.dataset.situation }),
    body: async (one) => { const order = one.closest("details.order"); order.querySelector("summary").focus(); coming.delete(order); await embody(order); },
    customer: (one) => load(`/sidebar/pane?customer=${one.dataset.customer}`, { focus: true }),
    find: (one) => search(one.dataset.query),
    home: () => load("/sidebar/pane", { focus: true }),
    more: () => load(`/sidebar/pane?all=1&customer=${customer()}`, { keep: true, same: customer() }),
    hand: (one) => fromTemplate("hand-form", one),
    help: (one) => { const keys = fromTemplate("key-list", one).querySelector("#single-keys"); keys.checked = state.singleKeys; },
    reload: () => (bridge.context ? listen() : location.reload()),
    hear: hearAgain,
    retry: async (one) => {
      one.disabled = true;
      const open = $("details.order[open]");
      try { if (open) await ask(`/sidebar/orders/${open.dataset.orderId}/look`, { form: fields({}) }); await again(); } catch (problem) { failed(problem); } finally { one.disabled = false; }
    },
    withdraw: async (one) => {
      try { one.closest("li").outerHTML = await ask(`/sidebar/actions/${one.dataset.action}/withdraw`, { form: fields({}) }); } catch (problem) { failed(problem); }
    },
  };

  /* To what is urgent, also where its order is shut and has no body yet. */
  async function go(link) {
    const place = () => document.getElementById(decodeURIComponent(link.hash.slice(1)));
    const order = document.getElementById(`order-${link.dataset.order}`);
    if (!place() && order) { order.open = true; await embody(order); }
    const target = place() || order;
    if (!target) return;
    for (let one = target; one; one = one.parentElement?.closest("details")) if (one.tagName === "DETAILS") one.open = true;
    const spot = target.tagName === "DETAILS" ? target.querySelector("summary") : target;
    spot.scrollIntoView({ block: "center" });
    spot.focus({ preventScroll: true });
  }

  app.addEventListener("click", (event) => {
    const out = event.target.closest("a[target=_blank]");
    if (out && bridge.opensLinks) { // a sandbox that swallows new tabs
      event.preventDefault();
      within(4000, bridge.openUrl(out.href)).catch(() => false);
      return;
    }
    const link = event.target.closest("a.go");
    if (link) { event.preventDefault(); go(link); return; }
    const one = event.target.closest("[data-act]");
    if (one && presses[one.dataset.act] && one.tagName !== "FORM" && one.tagName !== "SELECT") presses[one.dataset.act](one);
  });

  app.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    if (form.dataset.act === "search") search(form.elements.q.value);
    else if (form.dataset.act === "ask") send(form);
    else if (form.dataset.act === "keep") keep(form);
    else if (form.dataset.act === "hand-over") {
      const { view } = state;
      try { await ask("/sidebar/contacts", { form: new URLSearchParams(new FormData(form)), json: true }); form.closest("dialog").close(); tell(words.saved, "info", view); again(); } catch (problem) { trouble(form, problem); }
    }
  });

  app.addEventListener("input", (event) => {
    const one = event.target;
    if (one === letter()) wrote();
    if (one.dataset.max) counted(one);
    if (one.id === "single-keys") state.singleKeys = one.checked;
    const form = one.form;
    if (form && "preview" in form.dataset && one.name !== "note" && one.name !== "notify" && one.name !== "restock") preview(form);
  });

  app.addEventListener("change", async (event) => {
    const one = event.target;
    if (one.dataset.act === "language") {
      const language = one.value;
      const shown = () => { const list = $("[data-testid=language]"); if (list) list.value = pane().lang; };
      if (!state.token) await (state.missed ? reopen() : state.opening); // it belongs to the conversation that is on its way
      if (!state.token && (state.missed || pane().dataset.state === "wait")) { shown(); return; }
      const [view, before] = [state.view, pane()];
      try {
        const found = await ask("/sidebar/language", { form: fields({ language, customer: customer() }), json: true });
        if (view !== state.view) return;
        hold(found.token);
        // Somebody else is looked for meanwhile, or was found: they come once more, in this language.
        if (state.loading) { load(state.loading.path, state.loading.options); return; }
        if (!before.isConnected) { again(); return; }
        document.title = found.title;
        swap(found.html, { keep: true });
        $("[data-testid=language]").focus();
      } catch (problem) { failed(problem); if (view === state.view) shown(); }
    } else if (one.dataset.act === "reply-language") draft({ language: one.value });
    else {
      const asked = one.closest("[data-act=fact]");
      if (asked) addFact(asked, one.value);
    }
  });

  async function addFact(asked, value) {
    if (!value) return;
    const order = asked.closest(".order");
    try {
      const html = await ask("/sidebar/facts", { form: fields({ line: asked.dataset.line, name: asked.dataset.fact, value }) });
      if (!order.isConnected) { again(); return; } // drawn anew meanwhile, or another customer's turn
      const open = [...order.querySelectorAll(".why[open]")].map((one) => one.closest(".line").id);
      const id = order.id;
      order.outerHTML = html;
      const now = document.getElementById(id);
      for (const line of open) document.getElementById(line)?.querySelector(".why")?.setAttribute("open", "");
      const line = document.getElementById(`line-${asked.dataset.line}`);
      line?.querySelector(`[data-fact="${asked.dataset.fact}"] :checked`)?.focus();
      const verdict = line?.querySelector("[data-testid=verdict]");
      if (verdict) say(verdict.textContent.trim());
      if (!now) again();
    } catch (problem) { failed(problem); }
  }

  // ---- Keys -----------------------------------------------------------------------------------

  function nextOrder(by) {
    const heads = $$("[data-testid=order-toggle]");
    const at = heads.indexOf(document.activeElement);
    const next = heads[at < 0 ? 0 : Math.max(0, Math.min(heads.length - 1, at + by))];
    if (next) next.focus();
  }

  const keys = {
    "/": () => $("[data-testid=search]")?.focus(),
    j: () => nextOrder(1),
    k: () => nextOrder(-1),
    v: () => document.activeElement?.closest(".line")?.querySelector(".why > summary")?.click(),
    r: () => $("details.order[open] [data-kind=refund]")?.click(),
    e: openReply,
    l: () => $("[data-testid=language]")?.focus(),
    "?": () => $("[data-act=help]")?.click(),
  };

  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input, textarea, select, [contenteditable]");
    const command = event.ctrlKey || event.metaKey;
    if (letter() && command && event.key === "Enter" && (pane().dataset.view === "reply" || event.target === letter())) { event.preventDefault(); insertReply(); return; }
    if (letter() && command && event.shiftKey && event.key.toLowerCase() === "c") { event.preventDefault(); copyReply(); return; }
    if (event.key === "Escape" && !$("dialog[open]")) {
      const rest = event.target.closest("details.rest[open]");
      if (rest) { rest.open = false; rest.querySelector("summary").focus(); return; }
      if (field && field.type === "search") { field.value = ""; field.blur(); } else if (pane().dataset.view === "reply") closeReply();
      return;
    }
    if (field && !(field.type === "radio" || field.type === "checkbox")) return;
    if (command || event.altKey || !state.singleKeys || $("dialog[open]") || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
})();
