/* Zendesk's ticket sidebar, by the vendor's own script (ZAFClient), which Zendesk serves and keeps up to date.
   Everything asked of it has a time limit: some of its builds wait for ever. Never `ticket.sendMessage`: it sends at once. */
"use strict";
window.desksideBridge = ({ within, openPage }) => {
  const client = window.ZAFClient ? window.ZAFClient.init() : null;
  if (!client) return { context: () => Promise.reject(new Error("not inside Zendesk")) };
  const PATHS = ["ticket.id", "ticket.subject", "ticket.requester", "ticket.brand", "ticket.tags", "ticket.via", "currentUser"];
  const LEVELS = { info: "notice", success: "notice", warning: "alert", error: "error" };
  const SOMEBODY_ELSE = ["ticket.id", "ticket.requester.id", "ticket.requester.email"];

  /* Some builds, when the host is silent, do not fail but hand over their own error as if it were the answer. */
  const asked = (promise) => within(4500, promise).then((found) => {
    if (found && found.name === "TimeoutError") throw new Error("no answer");
    return found || {};
  });

  const text = (value) => (value === null || value === undefined ? "" : String(value));

  /* Phones are among the identities of a requester; some Zendesk plans do not give them. */
  function addresses(requester) {
    const identities = Array.isArray(requester.identities) ? requester.identities : [];
    const of = (type) => identities.filter((one) => one && one.type === type).map((one) => text(one.value));
    return {
      emails: [...new Set([text(requester.email), ...of("email")])].filter((one) => one.includes("@")),
      phones: [...new Set([text(requester.phone), ...of("phone_number"), ...of("phone")])].filter(Boolean),
    };
  }

  async function context() {
    const found = await asked(client.get(PATHS));
    if (!("ticket.id" in found || "ticket.requester" in found)) throw new Error("Zendesk did not say");
    const requester = found["ticket.requester"] || {};
    const user = found.currentUser || {};
    return {
      state: found["ticket.id"] || requester.id || requester.email ? "single" : "none",
      conversation: text(found["ticket.id"]),
      subject: text(found["ticket.subject"]),
      language: text(requester.locale || user.locale),
      channel: text(found["ticket.via"]?.channel),
      customer: { ...addresses(requester), name: text(requester.name), external_id: text(requester.externalId) },
      agent: { id: text(user.id), name: text(user.name), email: text(user.email) },
    };
  }

  return {
    context,
    onContext(_hear, hearAgain, listen) {
      let soon;
      const again = () => { clearTimeout(soon); soon = setTimeout(listen, 50); };
      for (const path of SOMEBODY_ELSE) client.on(`${path}.changed`, hearAgain);
      for (const event of ["ticket.subject.changed", "app.activated"]) client.on(event, again);
    },
    /* Between reading the ticket's number and inserting, nothing else is awaited. */
    async insertReply(reply, conversation) {
      const found = await asked(client.get("ticket.id"));
      if (text(found["ticket.id"]) !== conversation) return null;
      const result = await asked(client.invoke("comment.appendText", reply));
      if (result.errors && Object.keys(result.errors).length) return null;
      return { mode: "editor" };
    },
    resize: (height) => asked(client.invoke("resize", { width: "100%", height: `${height}px` })).catch(() => {}),
    notify: (level, message) => asked(client.invoke("notify", message, LEVELS[level] || "notice")).then(() => true, () => false),
    openUrl: (url) => Promise.resolve(openPage(url)),
  };
};
