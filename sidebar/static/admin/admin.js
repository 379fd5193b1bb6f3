// What the merchant's pages do without a reload: copy a field, follow a store while it is copied.
// Every page works without it.

function copyField(button) {
  const field = document.getElementById(button.dataset.copy);
  const told = button.querySelector("[role=status]");
  const sign = button.querySelector("use");
  field.select();
  const show = (text, name) => { told.textContent = text; sign.setAttribute("href", `#i-${name}`); button.classList.toggle("ok", text !== ""); };
  const done = () => { show(told.dataset.said, "check"); setTimeout(show, 2000, "", "copy"); };
  if (navigator.clipboard) {
    navigator.clipboard.writeText(field.value).then(done, () => document.execCommand("copy") && done());
  } else if (document.execCommand("copy")) {
    done();
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copyField(button);
});

// A store that is being copied is asked for every two seconds while the page is looked at.
// The words in the live region change at most every thirty seconds.
const SPOKEN_EVERY = 30_000;
const spoken = new Map();

async function follow(entry) {
  if (document.visibilityState === "visible" && !entry.contains(document.activeElement)) {
    try {
      const answer = await fetch(entry.dataset.follow, { headers: { Accept: "text/html" } });
      if (answer.ok && !answer.redirected) {
        const holder = document.createElement("template");
        holder.innerHTML = await answer.text();
        const fresh = holder.content.querySelector("[data-store]");
        if (fresh) {
          entry.replaceWith(fresh);
          tell(fresh);
          entry = fresh;
        }
      }
    } catch { /* the next round tries again */ }
  }
  if (entry.dataset.follow) setTimeout(follow, 2000, entry);
}

function tell(entry) {
  const region = document.getElementById("progress-spoken");
  const line = entry.querySelector("[data-spoken]");
  const key = entry.dataset.store;
  if (!region || !line || Date.now() - (spoken.get(key) ?? 0) < SPOKEN_EVERY) return;
  spoken.set(key, Date.now());
  region.textContent = line.dataset.spoken;
}

for (const entry of document.querySelectorAll("[data-follow]")) setTimeout(follow, 2000, entry);

// What takes longer than a page should is fetched by the open page, which counts the seconds meanwhile.
async function load(holder) {
  const since = holder.querySelector("[data-since]");
  const began = Date.now();
  const counting = setInterval(() => { since.textContent = since.dataset.since.replace("{count}", Math.round((Date.now() - began) / 1000)); }, 1000);
  try {
    const answer = await fetch(holder.dataset.load, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) throw new Error(answer.status);
    holder.innerHTML = await answer.text();
    letScroll();
  } catch {
    since.textContent = "";
    holder.querySelector("p span").firstChild.textContent = holder.dataset.failed;
  }
  clearInterval(counting);
  holder.removeAttribute("aria-busy");
}

for (const holder of document.querySelectorAll("[data-load]")) load(holder);

// A table that runs out of the window is scrolled by keyboard too: only then it is a stop on the way.
function letScroll() {
  for (const box of document.querySelectorAll(".scroll")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

letScroll();
addEventListener("resize", letScroll);
