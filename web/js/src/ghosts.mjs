// What the API server has added → grey lines that are no part of the text.
import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, WidgetType } from "@codemirror/view";

const set = StateEffect.define();

/** `list` is the page's; fields that `texts` does not tell of are only counted. */
export function setGhosts(state, list, texts) {
  const widgets = list.flatMap(({ at, column, fields }) => {
    const widget = new Ghosts(column, fields, texts);
    if (widget.known.length === 0) return [];
    const { to } = state.doc.lineAt(Math.min(at, state.doc.length));
    return [Decoration.widget({ widget, block: true, side: 1 }).range(to)];
  });
  return set.of(Decoration.set(widgets, true));
}

class Ghosts extends WidgetType {
  constructor(column, fields, texts) {
    super();
    this.column = column;
    const isKnown = ({ help }) => help in texts || Object.keys(texts).length === 0;
    this.known = fields.filter(isKnown);
    this.others = fields.filter((it) => !isKnown(it));
    this.key = JSON.stringify([column, this.known, this.others]);
  }

  eq(other) {
    return other.key === this.key;
  }

  toDOM() {
    const dom = document.createElement("div");
    dom.className = "cm-ghosts";
    dom.setAttribute("aria-hidden", "true");
    dom.style.paddingLeft = `calc(10px + ${this.column}ch)`;
    for (const { name, value, allocated } of this.known) dom.append(part(`${name}: ${value}`, allocated ? "allocated" : ""));
    if (this.others.length > 0) {
      const more = dom.appendChild(part(`+${this.others.length}`, "more"));
      more.title = this.others.map(({ name, value }) => `${name}: ${value}`).join("\n");
    }
    return dom;
  }

  ignoreEvent() {
    return false;
  }
}

function part(text, className) {
  const span = document.createElement("span");
  span.className = className;
  span.textContent = text;
  return span;
}

const field = StateField.define({
  create: () => Decoration.none,
  update(value, transaction) {
    const moved = transaction.docChanged ? value.map(transaction.changes) : value;
    return transaction.effects.reduce((value, effect) => (effect.is(set) ? effect.value : value), moved);
  },
  provide: (it) => EditorView.decorations.from(it),
});

export const ghosts = [field];
