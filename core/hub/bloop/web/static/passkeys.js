/* Lets a form carry what a passkey answers. A form marked data-passkey is hidden until it is known
that this browser has passkeys; everything else on its page works without. */

const able =
  window.PublicKeyCredential?.parseCreationOptionsFromJSON &&
  window.PublicKeyCredential.parseRequestOptionsFromJSON;

async function asked(form) {
  const headers = { accept: "application/json" };
  const csrf = form.elements.namedItem("csrf");
  if (csrf) headers["x-csrf-token"] = csrf.value;
  const answer = await fetch(form.dataset.options, { method: "POST", headers });
  const said = await answer.json();
  if (answer.ok) return said.options;
  if (said.code === "step_up_required") {
    location.assign(`/step-up?next=${encodeURIComponent(location.pathname)}`);
  }
  throw new Error(said.detail);
}

async function credential(form) {
  const options = await asked(form);
  if (form.dataset.passkey === "create") {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return navigator.credentials.create({ publicKey });
  }
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return navigator.credentials.get({ publicKey });
}

async function send(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const button = form.querySelector("button");
  const failed = form.querySelector("[data-failed]");
  failed.hidden = true;
  button.disabled = true;
  try {
    const made = await credential(form);
    form.elements.namedItem("credential").value = JSON.stringify(made.toJSON());
    form.submit();
  } catch {
    // The person said no, waited too long, or has no passkey here: they may try again.
    failed.hidden = false;
    button.disabled = false;
  }
}

if (able) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.addEventListener("submit", send);
    form.hidden = false;
  }
  for (const note of document.querySelectorAll("[data-unable]")) note.hidden = true;
}
