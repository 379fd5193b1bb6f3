// Passkeys: ask the server for a challenge, the device for an answer, the server whether it fits.

const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const toText = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function opened(options) {
  options.challenge = toBytes(options.challenge);
  if (options.user) options.user.id = toBytes(options.user.id);
  for (const list of [options.excludeCredentials, options.allowCredentials]) {
    for (const one of list ?? []) one.id = toBytes(one.id);
  }
  return options;
}

function closed(credential) {
  const from = credential.response;
  const response = { clientDataJSON: toText(from.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (from[part]) response[part] = toText(from[part]);
  }
  if (from.getTransports) response.transports = from.getTransports();
  return { id: credential.id, rawId: toText(credential.rawId), type: credential.type, response, clientExtensionResults: {} };
}

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": document.body.dataset.csrf },
    body: body ? JSON.stringify(body) : "{}",
  });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

async function use(holder) {
  const told = holder.querySelector(".err");
  const words = told.querySelector("span");
  told.hidden = true;
  let credential;
  try {
    const publicKey = opened(await post(holder.dataset.options));
    credential = holder.dataset.mode === "create"
      ? await navigator.credentials.create({ publicKey })
      : await navigator.credentials.get({ publicKey });
  } catch (error) {
    words.textContent = error.name === "NotAllowedError" ? words.dataset.cancelled : words.dataset.refused;
    told.hidden = false;
    return;
  }
  try {
    const { next } = await post(holder.dataset.finish, closed(credential));
    location.assign(next);
  } catch {
    words.textContent = words.dataset.refused;
    told.hidden = false;
  }
}

if (window.PublicKeyCredential) {
  for (const holder of document.querySelectorAll("[data-passkey]")) {
    holder.hidden = false;
    holder.querySelector("button").addEventListener("click", () => use(holder));
  }
  for (const mark of document.querySelectorAll("[data-with-passkey]")) mark.hidden = false;
}
