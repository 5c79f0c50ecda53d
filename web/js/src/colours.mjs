// YAML → class names; the colours themselves are the page's (web/styles/later/code.css).
import { syntaxHighlighting } from "@codemirror/language";
import { Decoration, MatchDecorator, ViewPlugin } from "@codemirror/view";
import { tagHighlighter, tags } from "@lezer/highlight";

const words = tagHighlighter([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], class: "y-key" },
  { tag: [tags.content, tags.string, tags.attributeValue], class: "y-text" },
  { tag: tags.comment, class: "y-comment" },
  { tag: [tags.punctuation, tags.separator, tags.meta, tags.squareBracket, tags.brace], class: "y-sign" },
  { tag: [tags.keyword, tags.typeName, tags.labelName], class: "y-name" },
]);

/** The grammar does not tell numbers and yes or no from other plain words. */
const plain = new MatchDecorator({
  regexp: /(?<=(?:^\s*|[:[{,]\s+|[[{]|-\s+))(?:-?\d+(?:\.\d+)?%?|true|false|null|~)(?=\s*(?:$|[,\]}]|\s#))/g,
  decoration: Decoration.mark({ class: "y-number" }),
});

const numbers = ViewPlugin.define(
  (view) => ({
    decorations: plain.createDeco(view),
    update(update) {
      this.decorations = plain.updateDeco(update, this.decorations);
    },
  }),
  { decorations: (it) => it.decorations },
);

export const colours = [syntaxHighlighting(words), numbers];
