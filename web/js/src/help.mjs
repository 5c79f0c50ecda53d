// What the page answers about a place → lists to choose from, and what a field means.
//
// The page knows fields and names; what fields do is told in help.en.json and help.ko.json.
import { autocompletion, startCompletion } from "@codemirror/autocomplete";
import { StateEffect, StateField } from "@codemirror/state";
import { hoverTooltip, keymap, showTooltip } from "@codemirror/view";

export class Help {
  /** `ask(what, at)` promises the page's answer. */
  constructor(ask) {
    this.ask = ask;
    this.texts = {};
  }

  /** Fetches the texts of a language; without them lists and types are there all the same. */
  async speak(lang) {
    if (lang === this.lang) return;
    this.lang = lang;
    try {
      const response = await fetch(new URL(`help.${lang}.json`, import.meta.url));
      if (response.ok && this.lang === lang) this.texts = await response.json();
    } catch {
      this.lang = undefined;
    }
  }

  extensions() {
    return [
      autocompletion({ override: [(context) => this.complete(context)], icons: false }),
      hoverTooltip((view, at) => this.tooltip(view, at), { hideOnChange: true }),
      shown,
      keymap.of([
        { key: "F1", run: (view) => this.show(view) },
        { key: "Escape", run: hide },
      ]),
    ];
  }

  async complete(context) {
    if (!context.explicit && !context.matchBefore(/[\w.\-/]+$|: $|- $/)) return null;
    const answer = await this.ask("complete", context.pos);
    if (!answer || context.aborted) return null;
    const options = answer.options.map((it) => this.option(it));
    for (const [label, text] of Object.entries(this.valuesOf(answer))) {
      if (!options.some((it) => it.label === label)) options.push({ label, detail: text, boost: 1 });
    }
    return { from: answer.from, options, validFor: /^[\w.\-/]*$/ };
  }

  valuesOf({ values, type }) {
    if (type === "bool") return { true: "", false: "" };
    return this.texts[values]?.values ?? {};
  }

  option({ label, detail, insert = label, help }) {
    const apply = (view, _, from, to) => {
      const anchor = from + insert.length;
      view.dispatch({ changes: { from, to, insert }, selection: { anchor }, userEvent: "input.complete" });
      if (/\s$/.test(insert)) startCompletion(view);
    };
    const info = this.texts[help] && ((completion) => this.about({ help }, undefined, completion));
    return { label, detail, apply, info, boost: this.texts[help] ? 1 : 0 };
  }

  async tooltip(view, at) {
    const answer = await this.ask("explain", at);
    if (!answer || at < answer.from - 1 || at > answer.to) return null;
    const create = () => {
      const dom = this.about(answer, view.state);
      this.describe(dom, view, at);
      return { dom };
    };
    return { pos: answer.from, end: answer.to, above: true, create };
  }

  /** What the cursor is on, by a key. */
  show(view) {
    this.tooltip(view, view.state.selection.main.head).then((tooltip) => {
      if (tooltip) view.dispatch({ effects: setShown.of(tooltip) });
    });
    return true;
  }

  /** Adds what the API says of the field at `at`, once it is there: Kubernetes' own words, in English. */
  async describe(dom, view, at) {
    const text = await this.ask("describe", at);
    if (!text) return;
    const said = dom.appendChild(element("div", "api"));
    said.lang = "en";
    said.tabIndex = 0;
    said.append(element("small", "", "kubectl explain"), element("p", "", text));
    view.requestMeasure();
  }

  about({ path, type, help }, state) {
    const dom = element("div", "cm-help");
    const { does, default: standard, effect, values } = this.texts[help] ?? {};
    const say = (word) => state?.phrase(word) ?? this.word?.(word) ?? word;
    if (path) {
      const head = dom.appendChild(element("p", "path"));
      head.append(element("code", "", path), element("small", "", type));
    }
    if (does) dom.append(element("p", "", does));
    if (effect) dom.append(element("p", "effect", effect));
    if (standard) {
      const line = dom.appendChild(element("p", "default"));
      line.append(element("b", "", `${say("Default")}: `), standard);
    }
    if (values && path) {
      const list = dom.appendChild(element("dl"));
      for (const [value, text] of Object.entries(values)) list.append(element("dt", "", value), element("dd", "", text));
    }
    return dom;
  }
}

function element(name, className = "", text = "") {
  const res = document.createElement(name);
  if (className) res.className = className;
  res.textContent = text;
  return res;
}

const setShown = StateEffect.define();

/** The help that a key has opened. */
const shown = StateField.define({
  create: () => null,
  update(value, transaction) {
    for (const effect of transaction.effects) if (effect.is(setShown)) return effect.value;
    return transaction.docChanged || transaction.selection ? null : value;
  },
  provide: (field) => showTooltip.from(field),
});

function hide(view) {
  if (!view.state.field(shown)) return false;
  view.dispatch({ effects: setShown.of(null) });
  return true;
}
