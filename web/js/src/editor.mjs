// A place on the page → an editor in it.
//
// The page (web/src/page/editor/bridge.rs) says what the editor shows and is told what the user
// does; all places in a text are UTF-16 units from its beginning. Nothing here knows Kubernetes.
import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Annotation, Compartment, EditorState, Prec } from "@codemirror/state";
import { EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";

import { colours } from "./colours.mjs";
import { ghosts, setGhosts } from "./ghosts.mjs";
import { Help } from "./help.mjs";
import { marks, setMarks } from "./marks.mjs";

/** What the page itself has put into the text: it need not be told. */
const FromPage = Annotation.define();

/** Longer texts are told when the typing pauses, and have no colours. */
const LONG = 200_000;
const PAUSE_MS = 250;
/** Texts longer than this are not looked through while they are typed. */
const CHECKED = 60_000;
const CHECK_MS = 450;

class Editor {
  constructor() {
    this.tell = () => {};
    this.words = new Compartment();
    this.colours = new Compartment();
    this.phrases = {};
    /** Questions to the page that have no answer yet, by number. */
    this.asked = new Map();
    this.questions = 0;
    this.help = new Help((what, at) => this.ask(what, at));
    this.shown = undefined;
    /** What each file looks like that is not shown: its cursor, its past. */
    this.others = new Map();
    this.view = new EditorView({ state: this.stateOf("") });
    new ResizeObserver(() => this.resized()).observe(this.view.scrollDOM);
    // As a text area's: what the page's tests read and write.
    Object.defineProperty(this.view.contentDOM, "value", {
      get: () => this.text(),
      set: (text) => this.view.dispatch(replacement(this.view.state, text)),
    });
  }

  /** From now on it stands in `host`, and `tell(what, file, value)` is called with what the user does. */
  open(host, tell) {
    this.tell = tell;
    host.append(this.view.dom);
    this.view.requestMeasure();
  }

  /** It stands nowhere, but forgets nothing. */
  close() {
    this.flush();
    this.tell = () => {};
    for (const number of this.asked.keys()) this.answer(number, "null");
    this.view.dom.remove();
  }

  stateOf(text) {
    return EditorState.create({
      doc: text,
      extensions: [
        Prec.highest(keymap.of(this.keys())),
        keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...lintKeymap, indentWithTab]),
        history(),
        lineNumbers(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        highlightSelectionMatches(),
        search({ top: true }),
        closeBrackets(),
        this.colours.of(coloursOf(text.length)),
        indentUnit.of("  "),
        EditorState.tabSize.of(2),
        EditorView.contentAttributes.of({ id: "manifests-text", "aria-label": "Manifests", tabindex: "0", spellcheck: "false", autocapitalize: "off" }),
        EditorView.updateListener.of((update) => this.updated(update)),
        this.words.of(EditorState.phrases.of(this.phrases)),
        this.help.extensions(),
        marks,
        ghosts,
      ],
    });
  }

  keys() {
    const told = (what) => () => {
      this.flush();
      this.tell("key", this.shown, what);
      return true;
    };
    return [
      { key: "Mod-Enter", run: told("apply") },
      { key: "Mod-Shift-Enter", run: told("apply-one") },
    ];
  }

  /** The cluster has changed, or the text: looks anew at what stands beside it. */
  stale() {
    clearTimeout(this.staleness);
    this.staleness = setTimeout(() => this.lookAgain(), CHECK_MS / 2);
  }

  async lookAgain() {
    if (this.view.composing) return this.stale();
    const { doc } = this.view.state;
    if (doc.length > CHECKED) return;
    const found = await this.ask("ghosts", 0);
    if (!found || this.view.state.doc !== doc) return;
    const known = JSON.stringify(found);
    if (known === this.known && doc === this.knownFor) return;
    [this.known, this.knownFor] = [known, doc];
    this.put([setGhosts(this.view.state, found, this.help.texts)]);
  }

  /** What the API server would say to what has been typed. */
  checkSoon() {
    clearTimeout(this.checking);
    this.checking = setTimeout(async () => {
      if (this.view.composing) return this.checkSoon();
      const { doc } = this.view.state;
      if (doc.length > CHECKED) return;
      const found = await this.ask("check", 0);
      if (found && this.view.state.doc === doc) this.put(setMarks(this.view.state, found));
    }, CHECK_MS);
  }

  /** Shows something between the lines; the cursor's line, if it was in sight, stays there. */
  put(effects) {
    const stay = this.cursorWithin(this.height) ? [this.toCursor()] : [];
    this.view.dispatch({ effects: [...effects, ...stay] });
  }

  /** What is below has taken room, or given it back. */
  resized() {
    const before = this.height;
    this.height = this.view.scrollDOM.clientHeight;
    if (this.height < before && this.cursorWithin(before)) this.view.dispatch({ effects: [this.toCursor()] });
  }

  /** Whether all of the cursor's line can be seen where the text is `height` px high. */
  cursorWithin(height) {
    const at = this.view.coordsAtPos(this.view.state.selection.main.head);
    const { top } = this.view.scrollDOM.getBoundingClientRect();
    return at !== null && at.top >= top && at.bottom <= top + height;
  }

  toCursor() {
    return EditorView.scrollIntoView(this.view.state.selection.main.head, { y: "nearest", yMargin: 2 });
  }

  updated(update) {
    if (update.docChanged) this.stale();
    if (update.geometryChanged) this.measureSoon();
    if (update.docChanged && !update.transactions.some((it) => it.annotation(FromPage))) {
      if (update.startState.doc.length > LONG !== update.state.doc.length > LONG) this.colourSoon();
      this.checkSoon();
      if (update.state.doc.length <= LONG) this.sayText();
      else {
        clearTimeout(this.pause);
        this.pause = setTimeout(() => this.flush(), PAUSE_MS);
      }
    }
    if (update.selectionSet || update.docChanged) {
      this.tell("cursor", this.shown, String(update.state.selection.main.head));
    }
  }

  /** What is written between lines is as wide as what is in sight. */
  measureSoon() {
    this.view.requestMeasure({
      key: "width",
      read: (view) => view.scrollDOM.clientWidth - view.contentDOM.offsetLeft,
      write: (width, view) => view.dom.style.setProperty("--seen", `${width}px`),
    });
  }

  /** An update cannot begin another. */
  colourSoon() {
    queueMicrotask(() => {
      const length = this.view.state.doc.length;
      this.view.dispatch({ effects: this.colours.reconfigure(coloursOf(length)) });
    });
  }

  sayText() {
    this.pause = undefined;
    this.tell("text", this.shown, this.text());
  }

  /** Tells at once what was to be told when the typing pauses. */
  flush() {
    if (this.pause === undefined) return;
    clearTimeout(this.pause);
    this.sayText();
  }

  text() {
    return this.view.state.doc.toString();
  }

  /** Shows a file; each has a number and keeps its own past. */
  show(file, text) {
    if (file !== this.shown) {
      this.flush();
      if (this.shown !== undefined) this.others.set(this.shown, this.view.state);
      this.shown = file;
      this.view.setState(this.others.get(file) ?? this.stateOf(text));
      this.others.delete(file);
      // Tab leaves the editor, as it leaves everything else; Ctrl-M lets it indent.
      this.view.setTabFocusMode(true);
      this.speak(this.phrases);
    }
    const spec = replacement(this.view.state, text);
    if (spec) this.view.dispatch({ ...spec, annotations: FromPage.of(true) });
  }

  /** CodeMirror's own words in the page's language: JSON, by the English ones. */
  say(lang, phrases) {
    this.help.speak(lang);
    this.speak(JSON.parse(phrases));
  }

  speak(phrases) {
    this.phrases = phrases;
    this.view.dispatch({ effects: this.words.reconfigure(EditorState.phrases.of(phrases)) });
  }

  /** Underlines mistakes and shows their texts below: JSON, `[{ from, to, severity, text }]`. */
  mark(list) {
    this.put(setMarks(this.view.state, JSON.parse(list)));
  }

  ask(what, at) {
    this.flush();
    this.questions += 1;
    const number = this.questions;
    return new Promise((resolve) => {
      this.asked.set(number, resolve);
      this.tell(what, this.shown, `${number} ${at}`);
    });
  }

  /** The page's answer to a question: JSON. */
  answer(number, json) {
    this.asked.get(number)?.(JSON.parse(json));
    this.asked.delete(number);
  }

  select(from, to) {
    const end = this.view.state.doc.length;
    const selection = { anchor: Math.min(from, end), head: Math.min(to, end) };
    const effects = EditorView.scrollIntoView(selection.anchor, { y: "center" });
    this.view.dispatch({ selection, effects });
    this.view.focus();
  }

}

function coloursOf(length) {
  if (length > LONG) return [];
  return [yaml(), bracketMatching(), indentOnInput(), colours];
}

/** The smallest change that makes the text `text`, so that the cursor stays where it is. */
function replacement(state, text) {
  const old = state.doc.toString();
  if (old === text) return undefined;
  const shorter = Math.min(old.length, text.length);
  let same = 0;
  while (same < shorter && old.charCodeAt(same) === text.charCodeAt(same)) same += 1;
  let tail = 0;
  while (tail < shorter - same && old.charCodeAt(old.length - 1 - tail) === text.charCodeAt(text.length - 1 - tail)) tail += 1;
  return { changes: { from: same, to: old.length - tail, insert: text.slice(same, text.length - tail) } };
}

globalThis.svclabEditor = new Editor();
dispatchEvent(new Event("svclab-editor"));
