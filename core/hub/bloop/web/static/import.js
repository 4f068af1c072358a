/* Tells of a file that cannot be taken before it is sent, and that it is being sent. */

const form = document.querySelector("form[data-most]");
const file = form?.querySelector("input[type=file]");
const button = form?.querySelector("button");

file?.addEventListener("change", () => {
  const size = file.files[0]?.size ?? 1;
  const fault = size > Number(form.dataset.most) ? form.dataset.large : size ? "" : form.dataset.empty;
  file.setCustomValidity(fault);
  if (fault) file.reportValidity();
});

form?.addEventListener("submit", () => {
  button.textContent = form.dataset.sending;
  button.disabled = true;
});

// Whoever comes back by the browser's button finds the page as they left it.
addEventListener("pageshow", (event) => event.persisted && location.reload());
