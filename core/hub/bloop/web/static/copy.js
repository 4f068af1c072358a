/* Adds a button that copies what stands in an input marked data-copy. Without scripts there is none: the text can be selected and copied as any other. */

for (const field of document.querySelectorAll("input[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = field.dataset.copy;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      return; // The text is selected: what the browser won't copy, a key will.
    }
    const said = document.querySelector("p[data-said]");
    said.textContent = field.dataset.said;
  });
  field.after(button);
}
