/* Our own protocol: objects with {sidebar: 1}; the origin is the tenant's own and pinned. */
"use strict";
window.desksideBridge = ({ start, within }) => {
  const host = window.parent;
  const [origin] = start.framers;
  if (host === window || !origin) return {};
  const waiting = new Map();
  let number = 0;
  let last = null;
  let hear = () => {};
  let first;
  const told = new Promise((resolve) => { first = resolve; });
  const post = (message) => host.postMessage({ sidebar: 1, ...message }, origin);

  window.addEventListener("message", (event) => {
    const message = event.data;
    if (event.source !== host || event.origin !== origin || !message || message.sidebar !== 1) return;
    if (message.type === "result") {
      waiting.get(message.id)?.(message);
      waiting.delete(message.id);
    } else if (message.type === "context") {
      const context = message.context || {};
      last = { ...context, conversation: String(context.conversation ?? context.conversation_id ?? ""), token: message.token };
      first(last);
      hear(last);
    }
  });

  /* Ask the host; null when it says no or nothing within four seconds. */
  async function call(message) {
    const id = `m${++number}`;
    const answer = new Promise((resolve) => waiting.set(id, resolve));
    post({ ...message, id });
    const result = await within(4000, answer).catch(() => { waiting.delete(id); return null; });
    return result && result.ok ? result : null;
  }

  post({ type: "ready" });
  return {
    context() { if (last) post({ type: "ready" }); return last ? Promise.resolve(last) : told; },
    onContext(listener) { hear = listener; },
    async insertReply(text) {
      const result = await call({ type: "insertReply", text });
      return result && { mode: result.mode || "editor" };
    },
    resize: (height) => post({ type: "resize", height }),
    notify: (level, text) => call({ type: "notify", level, text }).then(Boolean),
    openUrl: (url) => call({ type: "openUrl", url }).then(Boolean),
  };
};
