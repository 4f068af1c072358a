/* Writing a question: more rows without a way to the server, and a word before typed text is lost.
Without it the button does the same by itself. */

const form = document.querySelector("form[data-changes]");
const more = form.querySelector('button[name="more"]');
let dirty = false;

function numbered(text, from, to) {
  return text.replace(new RegExp(`^(c)${from}(_)`), `$1${to}$2`).replace(/\d+$/, (number) => (Number(number) === from ? to : number));
}

function addRow() {
  const rows = form.querySelectorAll(".answer-row");
  const last = rows[rows.length - 1];
  const [from, to] = [rows.length, rows.length + 1];
  const row = last.cloneNode(true);
  for (const element of row.querySelectorAll("[id], [name], [for], [aria-label]")) {
    for (const name of ["id", "name", "for", "aria-label"]) {
      if (element.hasAttribute(name)) element.setAttribute(name, numbered(element.getAttribute(name), from, to));
    }
  }
  for (const label of row.querySelectorAll("label, summary .said")) label.textContent = numbered(label.textContent, from, to);
  for (const field of row.querySelectorAll("input, textarea")) {
    field.value = "";
    field.removeAttribute("aria-invalid");
  }
  row.querySelector("details")?.removeAttribute("open");
  last.after(row);
  form.elements.rows.value = to;
  row.querySelector("input:not([type=hidden]), textarea").focus();
}

more?.addEventListener("click", (event) => {
  if (!form.querySelector(".answer-row")) return;
  event.preventDefault();
  addRow();
});
form.addEventListener("input", () => { dirty = true; });
form.addEventListener("submit", () => { dirty = false; });
addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
