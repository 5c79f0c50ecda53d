//! The tabs, and what stands under each of them.

use std::rc::Rc;

use yew::prelude::*;

use super::edge::Edge;
use super::{App, editor, endpoints, events, names, object, objects, rules, terminal, walk};
use crate::effects;
use crate::objects as objects_of;
use crate::state::{Msg, Pane, Screen, Shape, State, Typing, places};
use crate::view::Shared;
use crate::words::Word;

impl App {
    pub(super) fn tabs(&self, tabs: &'static [Pane], shown: Pane) -> Html {
        let lang = self.state.lang;
        let place = tabs.iter().position(|it| *it == shown).unwrap_or(0);
        let send = self.send.clone();
        let onkeydown = Callback::from(move |event: KeyboardEvent| {
            let count = tabs.len();
            let next = match event.key().as_str() {
                "ArrowRight" => (place + 1) % count,
                "ArrowLeft" => (place + count - 1) % count,
                "Home" => 0,
                "End" => count - 1,
                _ => return,
            };
            event.prevent_default();
            send.emit(Msg::Open(tabs[next]));
            effects::focus(&format!("tab-{}", tabs[next].id()));
        });
        html! {
            <div class="tabs" role="tablist" aria-label={lang.say(Word::Panels)} {onkeydown}>
                for pane in tabs.iter().copied() {
                    <button role="tab" id={format!("tab-{}", pane.id())} type="button"
                            aria-selected={(pane == shown).to_string()}
                            aria-controls={(pane == shown).then(|| format!("panel-{}", pane.id()))}
                            aria-label={lang.say(pane.word())}
                            tabindex={if pane == shown { "0" } else { "-1" }}
                            onclick={self.send.reform(move |_| Msg::Open(pane))}>
                        { lang.say(pane.tab(self.state.shape)) }
                    </button>
                }
            </div>
        }
    }

    pub(super) fn panel(&self, pane: Pane) -> Html {
        html! {
            <div class="panel" role="tabpanel" key={pane.id()} id={format!("panel-{}", pane.id())}
                 aria-labelledby={format!("tab-{}", pane.id())}>
                { self.pane(pane) }
            </div>
        }
    }

    fn pane(&self, pane: Pane) -> Html {
        let state = &self.state;
        let (lang, send) = (state.lang, self.send.clone());
        match pane {
            Pane::Manifests => {
                let preview = state.preview.as_ref();
                let preview =
                    preview.map(|it| (it.changes().cloned(), it.passed().as_micros() / 1_000_000));
                html! {
                    <editor::Editor {lang} files={state.files.clone()}
                                    report={state.report.clone()} shown={state.shown.clone()} {preview} revision={state.revision} {send} />
                }
            }
            Pane::Walk => self.walk(),
            pane => self.other_pane(pane),
        }
    }

    fn walk(&self) -> Html {
        let state = &self.state;
        let playback = state.playback.as_ref().map(|it| walk::Watching {
            way: it.way.clone(),
            exchange: Shared(it.exchange.clone()),
            packet: it.packet,
            step: it.moment().step,
            live: it.live,
            origins: state.origins(),
        });
        let exchanges = Shared(Rc::new(state.lab().exchanges().to_vec()));
        html! {
            <walk::Walk lang={state.lang} {playback} {exchanges} count={state.lab().exchanges().len()}
                        playing={state.playing} sniffing={state.sniffing.clone()} sniffed={state.sniffed()}
                        send={self.send.clone()} />
        }
    }

    /// Those that a tab has to be pressed for.
    #[inline(never)]
    fn other_pane(&self, pane: Pane) -> Html {
        let state = &self.state;
        let (lang, send) = (state.lang, self.send.clone());
        match pane {
            Pane::Manifests | Pane::Walk | Pane::Stage => html! {},
            Pane::Objects => match &state.wanted_objects.chosen {
                Some(key) => html! {
                    <object::ObjectPane {lang} chosen={objects_of::chosen(state.lab(), key)} now={state.lab().now()}
                        only_others={state.wanted_objects.only_others} {send} />
                },
                None => html! {
                    <objects::ObjectsPane {lang} wanted={state.wanted_objects.clone()} can_widen={state.shape != Shape::One}
                        sections={Shared::from(objects_of::sections(state.lab().objects(), &state.wanted_objects))}
                        namespaces={objects_of::namespaces(state.lab().objects())}
                        now={state.lab().now()} {send} />
                },
            },
            Pane::Rules => {
                let node = state.node.clone().unwrap_or_else(|| "".into());
                let names: Vec<_> = state.view.nodes.iter().map(|it| it.name.clone()).collect();
                let rules = state.lab().rules(&node).map(Into::into);
                let against =
                    state.compared_with().and_then(|it| state.lab().rules(it)).map(Into::into);
                let kernel = state.lab().network().kernel(&node);
                let counters = kernel.map(|it| it.counters.clone()).unwrap_or_default();
                html! {
                    <rules::Rules {lang} {node} {names} {rules} rule={state.rule} {against}
                        wanted={state.rules_view.clone()} text={state.other_mode()}
                        counters={Shared::from(counters)} requests={state.lab().exchanges().len()} {send} />
                }
            }
            Pane::Endpoints => html! { <endpoints::Endpoints {lang} view={state.view.clone()} /> },
            Pane::Names => html! {
                <names::Names {lang} asked={names::asked(state.lab().exchanges())} {send} />
            },
            Pane::Events => {
                let log = state.lab().log();
                let recorded = state.only_recorded.then(|| svclab_core::print::events(log.iter()));
                html! {
                    <events::Events {lang} entries={events::listed(log)} chosen={state.entry}
                                    {recorded} now={state.lab().now()} {send} />
                }
            }
            Pane::Terminal => self.terminal(),
        }
    }

    /// The terminal below the other panes, or its title alone.
    pub(super) fn dock(&self) -> Html {
        let lang = self.state.lang;
        let shown = self.state.terminal.shown;
        let word = if shown { Word::HideTerminal } else { Word::ShowTerminal };
        html! {
            <section class="dock" aria-label={lang.say(Word::Terminal)} data-shown={shown.then_some("")}>
                <button type="button" class="fold" title={lang.say(word)} aria-label={lang.say(word)}
                        aria-expanded={shown.to_string()}
                        onclick={self.send.reform(move |_| Msg::Terminal(Typing::Show(!shown)))}>
                    { lang.say(Word::Terminal) }
                    <span aria-hidden="true">{ if shown { "▾" } else { "▴" } }</span>
                </button>
                if shown {
                    { self.terminal() }
                    { Edge::Dock.html(lang) }
                }
            </section>
        }
    }

    fn terminal(&self) -> Html {
        let State { lang, terminal, view, .. } = &self.state;
        let tab = |it: &Screen| terminal::Tab { name: it.label(), runs: it.runs() };
        let Some(screen) = terminal.screen() else { return html! {} };
        html! {
            <terminal::Terminal lang={*lang} tabs={terminal.screens.iter().map(tab).collect::<Vec<_>>()}
                chosen={terminal.chosen} places={places(view)} prompt={screen.prompt()}
                runs={screen.runs()} held={!self.state.playing}
                lines={screen.lines.clone()} typed={screen.typed.clone()} draft={screen.draft.clone()}
                completed={screen.completed.clone()} send={self.send.clone()} />
        }
    }
}
