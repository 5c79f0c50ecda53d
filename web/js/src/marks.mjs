// Mistakes with their places → lines underlined, and what is wrong written below them.
import { setDiagnostics } from "@codemirror/lint";
import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, WidgetType } from "@codemirror/view";

const setTexts = StateEffect.define();

/** The effects that replace all marks by `list`. */
export function setMarks(state, list) {
  const end = state.doc.length;
  const inside = list.map(({ from, to, severity, text }) => ({
    from: Math.min(from, end),
    to: Math.min(Math.max(to, from), end),
    severity,
    message: text,
  }));
  return [...setDiagnostics(state, inside).effects, setTexts.of(decorations(state, inside))];
}

class Text extends WidgetType {
  constructor(message, severity) {
    super();
    this.message = message;
    this.severity = severity;
  }

  eq(other) {
    return other.message === this.message && other.severity === this.severity;
  }

  toDOM() {
    const element = document.createElement("div");
    element.className = `cm-problem ${this.severity}`;
    element.lang = "en";
    element.textContent = shortened(this.message);
    return element;
  }
}

/** The server repeats whole objects; what it says of them stands at the end. The list has it all. */
function shortened(message) {
  return message.length > 320 ? `${message.slice(0, 120)} … ${message.slice(-180)}` : message;
}

function decorations(state, list) {
  const found = [];
  for (const { from, severity, message } of list) {
    const line = state.doc.lineAt(from);
    found.push(Decoration.line({ class: `cm-wrong ${severity}` }).range(line.from));
    found.push(Decoration.widget({ widget: new Text(message, severity), block: true, side: 1 }).range(line.to));
  }
  return Decoration.set(found, true);
}

const texts = StateField.define({
  create: () => Decoration.none,
  update(value, transaction) {
    const moved = value.map(transaction.changes);
    return transaction.effects.reduce((value, effect) => (effect.is(setTexts) ? effect.value : value), moved);
  },
  provide: (field) => EditorView.decorations.from(field),
});

export const marks = [texts];
