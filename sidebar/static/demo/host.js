/* The host's half of the generic protocol: objects with {sidebar: 1}, origin and source checked. */
(() => {
  "use strict";
  const frame = document.getElementById("side");
  const origin = new URL(document.body.dataset.app).origin;
  let open = document.body.dataset.conversation;
  document.getElementById("open").submit();

  const post = (message) => frame.contentWindow.postMessage({ sidebar: 1, ...message }, origin);

  window.addEventListener("message", (event) => {
    const message = event.data;
    if (event.origin !== origin || event.source !== frame.contentWindow || !message || message.sidebar !== 1) return;
    if (message.type === "insertReply") {
      const field = document.getElementById(`answer-${open}`);
      field.value = field.value ? `${field.value}\n\n${message.text}` : message.text;
      field.focus();
      post({ type: "result", id: message.id, ok: true, mode: "editor" });
    } else if (message.type === "notify") {
      post({ type: "result", id: message.id, ok: false, error: "shown by the sidebar itself" });
    } else if (message.type === "openUrl" && /^https?:/.test(message.url)) {
      window.open(message.url, "_blank", "noopener");
      post({ type: "result", id: message.id, ok: true });
    }
  });

  document.querySelector(".list").addEventListener("click", async (event) => {
    const link = event.target.closest("a");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    open = link.dataset.number;
    for (const one of document.querySelectorAll(".talk")) one.hidden = one.id !== `talk-${open}`;
    for (const one of document.querySelectorAll(".list a")) {
      if (one === link) one.setAttribute("aria-current", "page");
      else one.removeAttribute("aria-current");
    }
    history.replaceState(null, "", link.href);
    const answer = await fetch(`/context/${open}`);
    const fresh = await answer.json();
    if (fresh.context.conversation === open) post({ type: "context", capabilities: ["insertReply", "openUrl"], ...fresh });
  });
})();
