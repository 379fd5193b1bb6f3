/* Chatwoot's dashboard app: the host posts a JSON string with the conversation, and takes nothing back. */
"use strict";
window.desksideBridge = ({ start, openPage }) => {
  const host = window.parent;
  const [origin] = start.framers;
  if (host === window || !origin) return {};
  const ASK = "chatwoot-dashboard-app:fetch-info";
  const AGAIN = [0, 250, 1000, 3000]; // some builds lose the first request
  let hear = () => {};
  let last = null;
  let first;
  let told = new Promise((resolve) => { first = resolve; });

  const text = (value) => (value === null || value === undefined ? "" : String(value));
  const list = (...values) => [...new Set(values.map(text))].filter(Boolean);

  function read(data) {
    const conversation = data.conversation || {};
    const contact = data.contact || conversation.meta?.sender || {};
    const agent = data.currentAgent || {};
    const channel = text(conversation.meta?.channel);
    return {
      state: conversation.id ? "single" : "none",
      conversation: text(conversation.id),
      account: text(conversation.account_id),
      subject: text(conversation.additional_attributes?.mail_subject),
      language: text(conversation.additional_attributes?.browser?.browser_language || contact.additional_attributes?.language),
      channel,
      customer: {
        emails: list(contact.email),
        phones: list(contact.phone_number),
        external_id: text(contact.identifier),
        name: text(contact.name),
        verified: conversation.meta?.hmac_verified ? true : channel.endsWith("WebWidget") ? false : null,
      },
      agent: { id: text(agent.id), name: text(agent.name), email: text(agent.email) },
    };
  }

  window.addEventListener("message", (event) => {
    if (event.source !== host || event.origin !== origin || typeof event.data !== "string") return;
    let message;
    try { message = JSON.parse(event.data); } catch { return; } // browser extensions post here too
    if (!message || message.event !== "appContext" || !message.data) return;
    last = read(message.data);
    first(last);
    hear(last);
  });

  function ask() {
    for (const wait of AGAIN) setTimeout(() => { if (!last) host.postMessage(ASK, origin); }, wait);
  }

  return {
    context() {
      last = null;
      told = new Promise((resolve) => { first = resolve; });
      ask();
      return told;
    },
    onContext(listener) { hear = listener; },
    openUrl: (url) => Promise.resolve(openPage(url)),
  };
};
