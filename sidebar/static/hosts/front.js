/* Front's sidebar plug-in. Front publishes this protocol only as a script of 270 KB with a component library in it;
   the four messages that a sidebar needs are spoken here by ourselves, and a test holds them against that script.
   Over a port that we hand to the host: context_update in; function_call out, function_result or function_error in. */
"use strict";
window.desksideBridge = ({ within }) => {
  const host = window.parent;
  if (host === window) return {};
  const HANDSHAKE = "@frontapp/ui-sdk#WebViewBridge.handshake";
  const HOSTS = /^https:\/\/([a-z0-9-]+\.)+(frontapp|frontapplication)\.com$/;
  const STATES = { singleConversation: "single", multiConversations: "multiple" };
  const LEVELS = { success: "SUCCESS_MESSAGE", error: "ERROR_MESSAGE" };
  const { port1: port, port2: theirs } = new MessageChannel();
  const waiting = new Map();
  let number = 0;
  let current = null;
  let hear = () => {};
  let first;
  const told = new Promise((resolve) => { first = resolve; });

  const text = (value) => (value === null || value === undefined ? "" : String(value));

  /* Every known address of the contact, then the one that the conversation is with. */
  function addresses(recipient) {
    const handles = recipient.contact?.handles || [];
    const all = [...handles.map((one) => text(one && one.handle)), text(recipient.handle)].filter(Boolean);
    return {
      emails: [...new Set(all.filter((one) => one.includes("@")))],
      phones: [...new Set(all.filter((one) => /^[+(]?[\d][\d\s().-]{4,}$/.test(one)))],
    };
  }

  function read(context) {
    const conversation = context.conversation || {};
    const recipient = conversation.recipient || {};
    const mate = context.teammate || {};
    return {
      state: STATES[context.type] || (context.conversation ? "single" : "none"),
      conversation: text(conversation.id),
      account: text(context.company?.id),
      subject: text(conversation.subject),
      channel: text(conversation.type),
      customer: { ...addresses(recipient), name: text(recipient.contact?.name || recipient.name), external_id: text(recipient.contact?.id) },
      agent: { id: text(mate.id), name: text(mate.name), email: text(mate.email) },
    };
  }

  port.onmessage = ({ data }) => {
    if (!data || typeof data !== "object") return;
    if (data.type === "context_update" && data.context) {
      current = data.context;
      const context = read(current);
      first(context);
      hear(context);
    } else if (data.type === "function_result" || data.type === "function_error") {
      waiting.get(data.id)?.(data);
      waiting.delete(data.id);
    }
  };

  const can = (name) => Boolean(current && current.functionArities && name in current.functionArities);

  /* Front has no time limits of its own: a silent host would hold us for ever. */
  async function call(name, ...args) {
    if (!can(name)) throw new Error(`${name} is not offered here`);
    const id = `d${++number}`;
    const answer = new Promise((resolve) => waiting.set(id, resolve));
    port.postMessage({ type: "function_call", id, contextId: current.id, name, args });
    try {
      const { type, value, error } = await within(4000, answer);
      if (type === "function_error") throw new Error(text(error));
      return value;
    } catch (error) {
      if (waiting.delete(id)) port.postMessage({ type: "function_cancel", id });
      throw error;
    }
  }

  const here = (conversation) => current && text(current.conversation?.id) === conversation;

  /* The message that a reply answers: the customer's latest, else the latest. */
  async function latest() {
    const { results = [] } = (await call("listMessages")) || {};
    const inbound = results.filter((one) => one.status === "inbound" || one.isInbound);
    return text((inbound.length ? inbound : results).at(-1)?.id);
  }

  async function insertReply(reply, conversation) {
    const content = { body: reply, type: "text" };
    if (!here(conversation)) return null;
    const draft = current.conversation.draftId;
    if (draft && can("updateDraft")) {
      await call("updateDraft", draft, { updateMode: "insert", content });
      return { mode: "draft" };
    }
    const original = await latest();
    if (!original || !here(conversation)) return null;
    await call("createDraft", { content, replyOptions: { type: "reply", originalMessageId: original } });
    return { mode: "draft" };
  }

  /* The string has no secret in it and goes to whoever frames us; `frame-ancestors` says who that may be. Where the
     browser names the parent, it is checked once more. */
  const parent = window.location.ancestorOrigins?.[0];
  if (parent === undefined || HOSTS.test(parent)) host.postMessage(HANDSHAKE, "*", [theirs]);

  return {
    opensLinks: true,
    context: () => (current ? Promise.resolve(read(current)) : told),
    onContext(listener) { hear = listener; },
    insertReply,
    notify: (level, message) => (LEVELS[level] && can("displayNotification")
      ? call("displayNotification", { type: LEVELS[level], title: "Deskside", message }).then(() => true)
      : Promise.resolve(false)),
    openUrl: (url) => (/^https:/.test(url) ? call("openUrl", url).then(() => true) : Promise.resolve(false)),
  };
};
