// Manifests are written: colours, completion, help, mistakes in place, files, changes before they are made.
import { expect, expectEqual, expectMatch, test } from "./harness.mjs";
import { apply, code, eventually, open, settled, until, webPods, write, written } from "./lab.mjs";

const SECOND =
  "apiVersion: v1\nkind: Service\nmetadata:\n  name: second\n  namespace: shop\nspec:\n  selector:\n    app: web\n  ports:\n  - port: 81\n    targetPort: http\n";

const button = (page, name) => page.getByRole("button", { name, exact: true });
const fileTab = (page, name) => page.getByRole("tablist", { name: "Files" }).getByRole("tab", { name });

/** Types at the end of `text`, which replaces all there was. */
async function typeAfter(page, text, keys) {
  await write(page, text);
  await code(page).focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(keys);
}

const options = (page) => page.getByRole("listbox", { name: "Completions" }).getByRole("option");

test("the editor has colours, line numbers and the text of the scenario", async ({ page }) => {
  await code(page).waitFor();
  expectMatch(await written(page), /kind: Service/);
  expect((await page.locator(".cm-line .y-key").count()) > 10, "keys have no colour");
  expect((await page.locator(".cm-lineNumbers .cm-gutterElement").count()) > 10, "there are no line numbers");
});

test("without the module the plain text area works", async ({ page }) => {
  await page.route("**/editor.js", (route) => route.fulfill({ contentType: "text/javascript", body: "" }));
  await page.reload();
  await settled(page);
  const area = page.locator("textarea[aria-label=Manifests]");
  await area.fill((await area.inputValue()).replace("replicas: 3", "replicas: 2"));
  await page.keyboard.press("Control+Enter");
  await until(page, async () => (await webPods(page).count()) === 2);
});

test("who types when the module comes goes on typing", async ({ page }) => {
  let arrive;
  const arrived = new Promise((resolve) => (arrive = resolve));
  await page.route("**/editor.js", async (route) => {
    await arrived;
    await route.continue();
  });
  await page.reload();
  const area = page.locator("textarea[aria-label=Manifests]");
  await area.focus();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("# on");
  arrive();
  await code(page).waitFor();
  await page.keyboard.type("e");
  await eventually(async () => (await written(page)).startsWith("# one\n") || (await written(page)).startsWith("# one"));
});

test("a field, its values and the cluster's names are offered", async ({ page }) => {
  await settled(page);
  await code(page).waitFor();
  const begun = SECOND.split("  selector")[0];
  await typeAfter(page, begun, "  typ");
  await options(page).first().waitFor();
  expectMatch(await options(page).first().textContent(), /^type/);
  await page.waitForTimeout(100);
  await page.keyboard.press("Enter");
  await eventually(async () => (await options(page).filter({ hasText: "NodePort" }).count()) === 1);
  await page.keyboard.type("Node");
  await page.waitForTimeout(200);
  await page.keyboard.press("Enter");
  expect((await written(page)).endsWith("  type: NodePort"), await written(page));
  await typeAfter(page, `${begun}  selector:\n`, "    ap");
  await options(page).filter({ hasText: "app" }).first().waitFor();
  await page.waitForTimeout(100);
  await page.keyboard.press("Enter");
  await options(page).filter({ hasText: "web" }).first().waitFor();
});

for (const [locale, words] of [["en-US", /How the Service can be reached.*Default: ClusterIP/], ["ko-KR", /서비스에 닿는 방법입니다.*기본값: ClusterIP/]]) {
  test(`help tells what a field does, by mouse and by key: ${locale}`, async ({ page }) => {
    await code(page).waitFor();
    await typeAfter(page, `${SECOND}  type: `, "NodePort");
    await page.keyboard.press("Escape");
    await page.keyboard.press("F1");
    const help = page.locator(".cm-help");
    await help.waitFor();
    expectMatch(await help.textContent(), words);
    await page.keyboard.press("Escape");
    await eventually(async () => (await help.count()) === 0);
    await page.locator(".cm-line", { hasText: "targetPort" }).locator(".y-key").hover();
    await help.waitFor();
    expectMatch(await help.textContent(), /spec\.ports\[\]\.targetPort/);
  }, { locale });
}

test("below our own help stands what the API says, fetched when it is first asked for", async ({ page, axe, shot }) => {
  const fetched = [];
  const LINE = "@\tv1\tService\tS\n=\tS\tobject\tA service.\nspec\t@Spec\t\t\tWhat is wanted.\n=\tSpec\tobject\tWanted.\ntype\tstring\t\t\ttype determines how the Service is exposed.\n";
  await page.route("**/reference.txt", (route) => (fetched.push(1), route.fulfill({ contentType: "text/plain", body: LINE })));
  await settled(page);
  await code(page).waitFor();
  await write(page, SECOND.replace("spec:\n", "spec:\n  type: ClusterIP\n"));
  expectEqual(fetched.length, 0);
  const help = page.locator(".cm-help");
  await page.locator(".cm-line", { hasText: "type: ClusterIP" }).locator(".y-key").hover();
  await help.locator(".api").waitFor();
  expectEqual(await help.locator(".api p").textContent(), "type determines how the Service is exposed.");
  expectMatch(await help.textContent(), /Default/);
  await axe();
  await shot("api-help");
  await page.mouse.move(5, 5);
  await eventually(async () => (await help.count()) === 0);
  await page.locator(".cm-line", { hasText: "spec:" }).locator(".y-key").hover();
  await help.locator(".api").waitFor();
  expectEqual(await help.locator(".api p").textContent(), "What is wanted.");
  expectEqual(fetched.length, 1, "fetched once");
});

test("a mistake is underlined while one types, and goes when it is mended", async ({ page, axe }) => {
  await settled(page);
  await code(page).waitFor();
  await write(page, (await written(page)).replace("replicas: 3", "# 파드 수\n  replicas: -3"));
  const problem = page.locator(".cm-problem");
  await problem.waitFor();
  expectEqual(await problem.textContent(), "spec.replicas: Invalid value: -3: must be greater than or equal to 0");
  expectEqual(await page.locator(".cm-lintRange").textContent(), "-3");
  await axe();
  await write(page, (await written(page)).replace("replicas: -3", "replicas: 3"));
  await eventually(async () => (await problem.count()) === 0);
});

test("from the list of problems to the place and back", async ({ page }) => {
  await code(page).waitFor();
  await apply(page, `${SECOND}---\n${SECOND.replace("port: 81", "port: 99999")}`);
  const fault = page.getByRole("list", { name: "Problems in the manifests" }).getByRole("button");
  await fault.first().click();
  expectEqual(await page.evaluate(() => getSelection().toString()), "99999");
  expectEqual(await fault.first().getAttribute("aria-current"), "location");
  await page.keyboard.press("Control+Home");
  await eventually(async () => (await fault.first().getAttribute("aria-current")) === null);
});

test("a problem in another file is gone to", async ({ page }) => {
  await code(page).waitFor();
  await button(page, "New file").click();
  await write(page, SECOND.replace("port: 81", "port: 99999"));
  await page.locator(".actions .pri").click();
  await fileTab(page, /^shop/).click();
  await page.getByRole("list", { name: "Problems in the manifests" }).getByRole("button").first().click();
  await eventually(async () => (await page.evaluate(() => getSelection().toString())) === "99999");
});

test("Tab leaves the editor, Ctrl and M lets it indent", async ({ page }) => {
  await code(page).waitFor();
  await write(page, "a: 1\n");
  await code(page).focus();
  await page.keyboard.press("Tab");
  expect(!(await code(page).evaluate((it) => it === document.activeElement)), "the focus is caught");
  await code(page).focus();
  await page.keyboard.press("Control+m");
  await page.keyboard.press("Tab");
  expectEqual(await written(page), "  a: 1\n");
});

test("Korean is composed syllable by syllable", async ({ page }) => {
  await code(page).waitFor();
  await write(page, "# ");
  await code(page).focus();
  await page.keyboard.press("Control+End");
  const ime = await page.context().newCDPSession(page);
  for (const text of ["ㅍ", "파", "팓", "파드"]) {
    await ime.send("Input.imeSetComposition", { text, selectionStart: text.length, selectionEnd: text.length });
    await page.waitForTimeout(60);
  }
  await ime.send("Input.insertText", { text: "파드" });
  expectEqual(await written(page), "# 파드");
  await page.keyboard.press("Control+z");
  expectEqual(await written(page), "# ");
});

test("files are added, named, removed and brought back, by mouse and by keyboard", async ({ page }) => {
  await settled(page);
  await code(page).waitFor();
  const first = await written(page);
  await button(page, "New file").click();
  expectEqual(await written(page), "");
  await write(page, SECOND);
  await button(page, "Rename this file").click();
  await page.getByRole("textbox", { name: "File name" }).fill("second");
  await page.keyboard.press("Enter");
  await fileTab(page, "second.yaml").waitFor();
  expectMatch(await fileTab(page, "second.yaml").getAttribute("aria-label"), /edited, not applied/);
  await page.locator(".actions .pri").click();
  await eventually(async () => (await page.locator('.ghost [aria-label*="shop/second"]').count()) === 1);
  expectEqual(await fileTab(page, "second.yaml").getAttribute("aria-label"), "second.yaml");
  await fileTab(page, "second.yaml").focus();
  await page.keyboard.press("ArrowLeft");
  await eventually(async () => (await written(page)) === first);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("F2");
  await page.keyboard.type("other");
  await page.keyboard.press("Escape");
  await fileTab(page, "second.yaml").waitFor();
  await page.keyboard.press("Delete");
  await eventually(async () => (await fileTab(page, "second.yaml").count()) === 0);
  await button(page, "Undo").click();
  await fileTab(page, "second.yaml").waitFor();
  expectEqual(await written(page), SECOND);
  await page.waitForTimeout(500);
  await page.reload();
  await fileTab(page, "second.yaml").waitFor();
  expectEqual(await written(page), SECOND);
});

test("each file keeps its own past, and a reset can be taken back", async ({ page }) => {
  await code(page).waitFor();
  const first = await written(page);
  await code(page).focus();
  await page.keyboard.press("Control+Home");
  await page.keyboard.type("# mine\n");
  await button(page, "New file").click();
  await page.keyboard.press("Control+z");
  await fileTab(page, /^shop/).click();
  await code(page).focus();
  const mine = `# mine\n${first}`;
  await eventually(async () => (await written(page)) === mine);
  const press = async (keys, goal) => {
    for (let count = 0; count < 8 && (await written(page)) !== goal; count += 1) await page.keyboard.press(keys);
    expectEqual(await written(page), goal);
  };
  await press("Control+z", first);
  await press("Control+y", mine);
  await button(page, "Reset text").click();
  await eventually(async () => (await written(page)) === first);
  await button(page, "Undo").click();
  await eventually(async () => (await written(page)) === `# mine\n${first}`);
});

test("only the document under the cursor is applied", async ({ page }) => {
  await settled(page);
  await code(page).waitFor();
  await write(page, `${SECOND}---\n${SECOND.replace("second", "third")}`);
  await code(page).focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.press("Control+Shift+Enter");
  expectEqual(await page.locator(".applied li").allTextContents(), ["Service shop/third created"]);
  await page.keyboard.press("Control+Home");
  await button(page, "Only this").click();
  await eventually(async () => /second created/.test(await page.locator(".applied").textContent()));
});

test("changes are shown before they are made: objects, endpoints and rules", async ({ page, axe, shot }) => {
  await settled(page);
  await code(page).waitFor();
  await write(page, (await written(page)).replace("replicas: 3", "replicas: 4"));
  await button(page, "Diff").click();
  const dialog = page.getByRole("dialog", { name: "What applying would change" });
  const lines = (part, kind) => dialog.getByRole("region", { name: part }).locator(`li.${kind}`);
  await lines("Objects", "new").first().waitFor();
  expectEqual(await lines("Objects", "gone").allTextContents(), ["-   generation: 1", "-   replicas: 3"]);
  expectEqual(await lines("Endpoints", "new").count(), 2);
  expectMatch((await lines("Rules", "new").allTextContents()).join("\n"), /\+ -A KUBE-SEP-\w+ .*DNAT --to-destination 10\.244\./);
  await axe();
  await shot("diff");
  expectEqual(await webPods(page).count(), 3);
  await page.keyboard.press("Escape");
  await eventually(async () => (await dialog.count()) === 0);
  expectEqual(await webPods(page).count(), 3);
  await button(page, "Diff").click();
  await lines("Objects", "new").first().waitFor();
  await dialog.getByRole("button", { name: "Apply" }).click();
  await until(page, async () => (await webPods(page).count()) === 4);
});

test("what the server filled in stands in grey and is no part of the text", async ({ page }) => {
  await settled(page);
  await code(page).waitFor();
  const ghosts = page.locator(".cm-ghosts");
  const text = await written(page);
  await code(page).focus();
  await page.keyboard.press("Control+End");
  await eventually(async () => (await ghosts.filter({ hasText: "clusterIP: 10." }).count()) === 1);
  expect(!(await written(page)).includes("clusterIP"), "it is in the text");
  await write(page, text.replace("port: 80\n", "port: 88\n"));
  await eventually(async () => (await ghosts.filter({ hasText: "clusterIP: 10." }).count()) === 0);
});

for (const locale of ["en-US", "ko-KR"]) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [width, height] of [[1440, 900], [1024, 768], [390, 844]]) {
      test(`it looks as it should: ${locale}, ${colorScheme}, ${width}`, async ({ page, axe, shot }) => {
        if (width === 390) await open(page, /Manifests|매니페스트/);
        if (width === 1024) await open(page, /Manifests|매니페스트/);
        await code(page).waitFor();
        await page.getByRole("button", { name: /^(New file|새 파일)$/ }).click();
        await write(page, SECOND.replace("port: 81", "port: 99999"));
        await page.locator(".actions .pri").click();
        await page.locator(".faults button").first().click();
        await page.locator(".cm-problem").waitFor();
        await axe();
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(over <= 0, `${over} pixels too wide`);
        await shot(`editor-${locale}-${colorScheme}-${width}`);
      }, { locale, colorScheme, viewport: { width, height } });
    }
  }
}

test("the cursor's line stays in sight when mistakes are written above it", async ({ page, shot }) => {
  await settled(page);
  await code(page).waitFor();
  const inSight = () =>
    page.evaluate(() => {
      const line = document.querySelector(".cm-activeLine").getBoundingClientRect();
      const box = document.querySelector(".cm-scroller").getBoundingClientRect();
      return line.top >= box.top - 1 && line.bottom <= box.bottom + 1;
    });
  // As many lines as the editor shows, the cursor in the last one, what is wrong in the first ones.
  const lines = Math.floor((await page.locator(".cm-scroller").boundingBox()).height / 18) - 1;
  const head = "apiVersion: v1\nkind: Service\nmetadata:\n  name: Wrong_Name\n  nonsense: 1\n";
  await write(page, `${head}${"#\n".repeat(Math.max(lines - 6, 1))}spec: {}`);
  await code(page).focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(" ");
  expect(await inSight(), "it is out of sight to begin with");
  await page.locator(".cm-problem").first().waitFor();
  await eventually(inSight, "the mistakes have pushed the cursor out of sight", 1500);
  await page.keyboard.press("Control+Enter");
  await page.locator(".faults").waitFor();
  await eventually(inSight, "the list of mistakes has covered the cursor", 1500);
  await shot("cursor-in-sight");
});
