// What the browser does once the page stands.
import "./editor.mjs";
import "./sizes.mjs";
