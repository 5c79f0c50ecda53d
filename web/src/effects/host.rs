//! Texts that come from the host or a file, and those that go into a file or a link.

use js_sys::{JsString, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

#[wasm_bindgen(module = "/js/host.js")]
extern "C" {
    #[wasm_bindgen(js_name = fetchText)]
    fn fetch_text(path: &str) -> Promise;
    #[wasm_bindgen(js_name = saveFile)]
    pub fn save_file(name: &str, text: &str);
    #[wasm_bindgen(js_name = chooseFile)]
    fn choose_file() -> Promise;
    fn pack(text: &str) -> Promise;
    fn unpack(letters: &str) -> Promise;
    #[wasm_bindgen(js_name = copyText)]
    fn copy_text(text: &str) -> Promise;
}

/// A text, or in words why there is none.
pub type Fetched = Result<String, String>;

/// Fetches a file of the page's own folder.
pub fn fetch(path: &str, call: impl FnOnce(Fetched) + 'static) {
    settle(fetch_text(path), call);
}

/// Lets the user choose a file.
pub fn choose(call: impl FnOnce(Fetched) + 'static) {
    settle(choose_file(), call);
}

/// What the page's address brings: a session, or the name of a scenario.
pub fn linked(call: impl FnOnce(Fetched) + 'static) {
    let location = gloo::utils::window().location();
    let Some(letters) =
        location.hash().ok().and_then(|it| Some(it.strip_prefix(SESSION)?.to_owned()))
    else {
        return;
    };
    settle(unpack(&letters), call);
}

/// `?scenario=NAME`
pub fn linked_scenario() -> Option<String> {
    parameter("scenario").filter(|it| it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-'))
}

/// A word that the page's address says: `?lang=ko&theme=dark`.
pub fn parameter(name: &str) -> Option<String> {
    let search = gloo::utils::window().location().search().ok()?;
    let pairs = search.strip_prefix('?')?.split('&');
    pairs
        .filter_map(|it| it.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|it| it.1.to_owned())
}

/// Where a link's session begins.
const SESSION: &str = "#s=";

/// Copies a link to the page that holds `session`; says whether that could be done.
pub fn copy_link(session: &str, call: impl FnOnce(Fetched) + 'static) {
    let packed = pack(session);
    spawn_local(async move {
        let link = match text(packed).await {
            Ok(letters) => page_address() + SESSION + &letters,
            Err(problem) => return call(Err(problem)),
        };
        call(text(copy_text(&link)).await.map(|_| link));
    });
}

fn page_address() -> String {
    let href = gloo::utils::window().location().href().unwrap_or_default();
    href.split(['#', '?']).next().unwrap_or_default().to_owned()
}

fn settle(promise: Promise, call: impl FnOnce(Fetched) + 'static) {
    spawn_local(async move { call(text(promise).await) });
}

async fn text(promise: Promise) -> Fetched {
    let value = JsFuture::from(promise).await;
    match value {
        Ok(value) => Ok(value.dyn_into::<JsString>().map(Into::into).unwrap_or_default()),
        Err(error) => Err(js_sys::Error::from(error).message().into()),
    }
}
