// The page inside Shopify's admin. App Bridge adds the session token to every fetch of ours.

const box = document.querySelector("[data-follow-home]");

async function follow() {
  if (document.visibilityState === "visible") {
    try {
      const answer = await fetch(box.dataset.followHome, { headers: { Accept: "application/json" } });
      if (answer.ok) show(await answer.json());
    } catch { /* the next round tries again */ }
  }
  setTimeout(follow, "copying" in box.dataset ? 2000 : 15_000);
}

function show(state) {
  const bar = box.querySelector("[data-bar]");
  const line = box.querySelector("[data-line]");
  if (line.textContent !== state.line) line.textContent = state.line;
  document.querySelector("[data-title]").textContent = state.title;
  const trouble = document.querySelector("[data-trouble]");
  trouble.hidden = !state.trouble;
  trouble.querySelector("p").textContent = state.trouble;
  if (state.copying && state.total) {
    bar.max = state.total;
    bar.value = state.done;
  } else if (!state.copying) {
    bar.max = 1;
    bar.value = 1;
    delete box.dataset.copying;
  }
}

const button = document.querySelector("[data-enter]");
if (button) {
  button.addEventListener("click", async () => {
    const failed = document.querySelector("[data-enter-failed]");
    failed.hidden = true;
    try {
      const answer = await fetch(button.dataset.enter, { method: "POST", headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const { address } = await answer.json();
      open(address, "_blank", "noopener");
    } catch {
      failed.hidden = false;
    }
  });
}

if (box) setTimeout(follow, 2000);
