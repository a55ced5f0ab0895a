// Dialogs: a title, what is decided, fields, and a button that acts.

import { el, failure, report, spinner } from "./elements.js";

/** Lengths that people choose from, in seconds. */
const LENGTHS = [["15 minutes", 900], ["30 minutes", 1800], ["1 hour", 3600], ["2 hours", 7200],
  ["4 hours", 14400], ["8 hours", 28800]];

/** The choice of a length, with what is used without one. */
export const length = (name, label, none) => ({
  name, label, optional: true, options: [[none, ""], ...LENGTHS],
});

function input(field, id) {
  const attributes = {
    id, name: field.name, required: !field.optional, autocomplete: "off",
    minlength: field.min, maxlength: field.max, "aria-describedby": field.hint && `${id}-hint`,
  };
  if (field.options) {
    return el("select", attributes, field.options.map(([label, value]) =>
      el("option", { value, selected: value === field.value }, label)));
  }
  const element = field.lines
    ? el("textarea", { ...attributes, rows: field.lines })
    : el("input", { ...attributes, type: field.type ?? "text" });
  element.value = field.value ?? "";
  return element;
}

/**
 * Opens a dialog. `act` receives the values of the fields, without empty ones, and returns the text that
 * reports the result. If it fails, the dialog shows why, and `onfailure` can add the current state.
 */
export function ask({ title, about, fields = [], label, kind = "primary", act, onfailure }) {
  const outcome = el("div", { role: "alert" });
  const confirm = el("button", { class: kind }, label);
  const cancel = el("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const rows = fields.map((field) => {
    const id = `field-${field.name}`;
    return el("div", { class: "field" },
      el("label", { for: id }, field.label, field.optional && el("span", {}, " (optional)")),
      input(field, id),
      field.hint && el("p", { class: "muted", id: `${id}-hint` }, field.hint));
  });
  const form = el("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      const values = {};
      for (const [name, value] of new FormData(form)) {
        if (value.trim() !== "") values[name] = value;
      }
      confirm.disabled = true;
      outcome.replaceChildren(spinner("Waiting for the TVM…"));
      try {
        const text = await act(values);
        dialog.close();
        report(text);
      } catch (error) {
        confirm.disabled = false;
        outcome.replaceChildren(failure(error));
        const more = onfailure && await onfailure(error).catch(() => undefined);
        if (more) outcome.append(more);
      }
    },
  }, about, rows, outcome, el("div", { class: "actions" }, confirm, cancel));
  const heading = el("h2", { id: "dialog-title", tabindex: "-1" }, title);
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, heading, form);
  const opener = document.activeElement?.dataset.key;
  dialog.addEventListener("close", () => {
    dialog.remove();
    const same = opener && document.querySelector(`[data-key="${CSS.escape(opener)}"]`);
    (same || document.getElementById("heading")).focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  (form.querySelector("input, select, textarea") ?? heading).focus();
}
