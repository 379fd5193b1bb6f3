/* Help Scout's app platform. The vendor's script is a thin layer without a licence of its own over a handful of messages;
   those are spoken here by ourselves, and a test holds them against that script. Two faults of it are not repeated: it
   waits for ever, and it takes `https://secure.helpscout.net.evil.test` for Help Scout. */
"use strict";
window.desksideBridge = ({ within, openPage, word }) => {
  const host = window.parent;
  const ORIGIN = "https://secure.helpscout.net";
  if (host === window) return {};
  const LEVELS = { info: "MESSAGE", success: "SUCCESS", warning: "WARNING", error: "ERROR" };
  let hear = () => {};
  let current = null;
  let waiting = [];

  const text = (value) => (value === null || value === undefined ? "" : String(value));
  const values = (list) => (Array.isArray(list) ? list : [])
    .map((one) => text(one && typeof one === "object" ? one.value : one)).filter(Boolean);

  function read(data) {
    const { conversation, customer = {}, user = {}, company = {} } = data;
    return {
      state: conversation ? "single" : "none",
      conversation: text(conversation?.id),
      account: text(company?.id),
      subject: text(conversation?.subject),
      channel: text(conversation?.type),
      customer: {
        emails: values(customer?.emails), phones: values(customer?.phones),
        name: [customer?.firstName, customer?.lastName].filter(Boolean).join(" "), external_id: text(customer?.id),
      },
      agent: { id: text(user?.id), name: [user?.firstName, user?.lastName].filter(Boolean).join(" "), email: text(user?.email) },
    };
  }

  /* The frame's name says to the host which app speaks: app-<installation>, or app-side-panel-<installation>. */
  const post = (type, more = {}) => host.postMessage(
    { ...more, type, appId: window.name.replace(/app-side-panel-|app-/, ""), iframeId: window.name }, ORIGIN);

  window.addEventListener("message", ({ source, origin, data }) => {
    if (source !== host || origin !== ORIGIN || !data || data.type !== "SEND_APP_CONTEXT") return;
    current = read(data);
    for (const resolve of waiting.splice(0)) resolve(current);
    hear(current);
  });

  function context() {
    if (!window.name.startsWith("app-")) return Promise.reject(new Error("not in a frame of Help Scout"));
    const answer = new Promise((resolve) => waiting.push(resolve));
    post("GET_APP_CONTEXT");
    return within(5000, answer);
  }

  return {
    context,
    onContext(listener) { hear = listener; },
    /* Help Scout has no call that writes into the reply: it copies for us, and says so itself. */
    async insertReply(reply, conversation) {
      if (!current || current.conversation !== conversation) return null;
      post("SET_CLIPBOARD_TEXT", { value: { text: reply, successMessage: word("copied") } });
      return { mode: "clipboard" };
    },
    resize: (height) => post("SET_APP_HEIGHT", { value: height }),
    async notify(level, message) {
      const id = `deskside-${Date.now()}`;
      post("SHOW_NOTIFICATION", { value: { type: LEVELS[level] || "MESSAGE", message, options: { id } } });
      return true;
    },
    openUrl: (url) => Promise.resolve(openPage(url)),
  };
};
