use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::effects;
use crate::state::{File, Filing, Msg};
use crate::words::{self, Lang, Word};

#[derive(Properties, PartialEq)]
pub(super) struct TabsProps {
    pub lang: Lang,
    pub files: Vec<File>,
    pub chosen: u32,
    pub send: Callback<Msg>,
}

/// The files: a tab for each, and what can be done with the chosen one.
#[component]
pub(super) fn Tabs(props: &TabsProps) -> Html {
    let TabsProps { lang, files, chosen, send } = props;
    let (lang, chosen) = (*lang, *chosen);
    let renaming = use_state(|| false);
    let file = send.reform(Msg::File);
    // Whoever named a file goes on at its tab, which stands again by then.
    let was_renaming = use_mut_ref(|| false);
    use_effect_with(*renaming, move |now| {
        if was_renaming.replace(*now) && !now {
            effects::focus(&format!("file-{chosen}"));
        }
    });
    let ask_name = {
        let renaming = renaming.clone();
        Callback::from(move |()| renaming.set(true))
    };
    let onkeydown = {
        let (file, ask_name, files) = (file.clone(), ask_name.clone(), files.clone());
        move |event: KeyboardEvent| {
            let at = files.iter().position(|it| it.id == chosen).unwrap_or(0);
            let next = match event.key().as_str() {
                "ArrowRight" => (at + 1) % files.len(),
                "ArrowLeft" => (at + files.len() - 1) % files.len(),
                "Home" => 0,
                "End" => files.len() - 1,
                "F2" => return ask_name.emit(()),
                "Delete" => return file.emit(Filing::Remove(chosen)),
                _ => return,
            };
            event.prevent_default();
            file.emit(Filing::Choose(files[next].id));
            effects::focus(&format!("file-{}", files[next].id));
        }
    };
    let name =
        files.iter().find(|it| it.id == chosen).map(|it| it.name.clone()).unwrap_or_default();
    let named = {
        let (file, renaming) = (file.clone(), renaming.clone());
        Callback::from(move |name: Option<String>| {
            renaming.set(false);
            if let Some(name) = name {
                file.emit(Filing::Rename { id: chosen, name });
            }
        })
    };
    html! {
        <div class="files">
            if *renaming {
                <Name {lang} {name} {named} />
            } else {
                <div class="tabs" role="tablist" aria-label={lang.say(Word::Files)} {onkeydown}>
                    for it in files {
                        <button role="tab" type="button" key={it.id} id={format!("file-{}", it.id)}
                                aria-label={words::file_tab(lang, &it.name, it.differs())}
                                aria-selected={(it.id == chosen).to_string()}
                                tabindex={if it.id == chosen { "0" } else { "-1" }}
                                ondblclick={ask_name.reform(|_| ())}
                                onclick={{
                                    let id = it.id;
                                    file.reform(move |_| Filing::Choose(id))
                                }}>
                            { &*it.name }
                            if it.differs() { <i class="dot" aria-hidden="true" /> }
                        </button>
                    }
                </div>
                <div class="tools">
                    <button type="button" class="icon" title={lang.say(Word::NewFile)} aria-label={lang.say(Word::NewFile)}
                            onclick={file.reform(|_| Filing::Add)}>{ "+" }</button>
                    <button type="button" class="icon" title={lang.say(Word::RenameFile)} aria-label={lang.say(Word::RenameFile)}
                            onclick={ask_name.reform(|_| ())}>{ "✎" }</button>
                    <button type="button" class="icon" title={lang.say(Word::RemoveFile)} aria-label={lang.say(Word::RemoveFile)}
                            disabled={files.len() == 1}
                            onclick={file.reform(move |_| Filing::Remove(chosen))}>{ "×" }</button>
                    <button type="button" class="icon" title={lang.say(Word::ResetTextHint)} aria-label={lang.say(Word::ResetText)}
                            onclick={file.reform(|_| Filing::Reset)}>{ "↺" }</button>
                </div>
            }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct NameProps {
    lang: Lang,
    name: std::rc::Rc<str>,
    /// The new name, or none.
    named: Callback<Option<String>>,
}

/// A field for the chosen file's new name: Enter takes it, Escape leaves the old one.
#[component]
fn Name(props: &NameProps) -> Html {
    let NameProps { lang, name, named } = props;
    let field = use_node_ref();
    use_effect_with(field.clone(), |field| {
        if let Some(field) = field.cast::<HtmlInputElement>() {
            let _ = field.focus();
            field.select();
        }
    });
    // A field that goes away may say once more that it has changed.
    let done = use_mut_ref(|| false);
    let end = {
        let named = named.clone();
        Callback::from(move |name: Option<String>| {
            if !done.replace(true) {
                named.emit(name);
            }
        })
    };
    let onkeydown = {
        let end = end.clone();
        move |event: KeyboardEvent| {
            let value = || event.target_unchecked_into::<HtmlInputElement>().value();
            match event.key().as_str() {
                // Korean is still being composed with the first Enter.
                "Enter" if !event.is_composing() => end.emit(Some(value())),
                "Escape" => end.emit(None),
                _ => {}
            }
        }
    };
    let onblur = end.reform(|event: FocusEvent| {
        Some(event.target_unchecked_into::<HtmlInputElement>().value())
    });
    html! {
        <input ref={field} type="text" class="name" value={name.to_string()} maxlength="40"
               aria-label={lang.say(Word::FileName)} {onkeydown} {onblur} />
    }
}
