//! A node's rules: by chain, as text in another mode, or beside another node's.

mod chain;
mod others;

use std::collections::BTreeSet;
use std::rc::Rc;

use svclab_core::key::ObjectKey;
use svclab_core::lab::NodeRules;
use svclab_core::modes::Mode;
use svclab_netfilter::order::Order;
use svclab_netfilter::{Chain, ChainName, CounterTable, RuleRef, TableName};
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::state::{Msg, RulesView};
use crate::view::Shared;
use crate::words::{self, Lang, Word};

use chain::ChainView;
use others::{Compared, Written};

#[derive(Properties)]
pub(super) struct RulesProps {
    pub lang: Lang,
    pub node: Rc<str>,
    pub names: Vec<Rc<str>>,
    pub rules: Option<Shared<NodeRules>>,
    pub rule: Option<RuleRef>,
    pub wanted: RulesView,
    /// The rules of the node to compare with.
    pub against: Option<Shared<NodeRules>>,
    /// What kube-proxy writes in a mode other than iptables, or would write.
    pub text: Option<Rc<str>>,
    pub counters: Shared<CounterTable>,
    /// Requests so far: counters change with them alone.
    pub requests: usize,
    pub send: Callback<Msg>,
}

/// Rule sets are large and replaced as a whole: their identity tells.
impl PartialEq for RulesProps {
    fn eq(&self, other: &RulesProps) -> bool {
        same(&self.rules, &other.rules)
            && same(&self.against, &other.against)
            && self.text == other.text
            && self.wanted == other.wanted
            && self.requests == other.requests
            && self.lang == other.lang
            && self.node == other.node
            && self.rule == other.rule
            && self.names == other.names
    }
}

fn same(a: &Option<Shared<NodeRules>>, b: &Option<Shared<NodeRules>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            Rc::ptr_eq(&a.rules, &b.rules)
                && a.synced_at == b.synced_at
                && Rc::ptr_eq(&a.added, &b.added)
        }
        (None, None) => true,
        _ => false,
    }
}

/// With more rules than this, chains are closed until they are opened.
const ALL_OPEN: usize = 300;
/// At most so many chains of a table are drawn.
const DRAWN: usize = 600;

/// A node's rules, as iptables-save prints them; what changed with the last sync is marked.
#[component]
pub(super) fn Rules(props: &RulesProps) -> Html {
    let RulesProps { lang, node, rules, wanted, against, text, .. } = props;
    let lang = *lang;
    let content = match (rules, text, against) {
        (None, ..) => html! { <p class="empty">{ lang.say(Word::NoRules) }</p> },
        (Some(rules), Some(text), _) => html! {
            <Written {lang} mode={mode_of(wanted, rules)} text={text.clone()} search={wanted.search.clone()} />
        },
        (Some(ours), None, Some(theirs)) => html! {
            <Compared {lang} names={[Some(node.clone()), wanted.against.clone()]}
                      ours={ours.rules.clone()} theirs={theirs.rules.clone()}
                      search={wanted.search.clone()} />
        },
        (Some(rules), None, None) => chains(props, rules),
    };
    html! {
        <div class="rules">
            { head(props) }
            { content }
        </div>
    }
}

fn chains(props: &RulesProps, rules: &Shared<NodeRules>) -> Html {
    let RulesProps { lang, rule, send, .. } = props;
    let tables = [TableName::Nat, TableName::Filter, TableName::Mangle, TableName::Raw];
    html! {
        <>
            <div class="scroll" tabindex="0" role="group" aria-label={lang.say(Word::Rules)}>
                if props.wanted.search.is_empty() {
                    { gone(*lang, rules) }
                }
                for name in tables {
                    { table(props, rules, name) }
                }
            </div>
            { explanation(*lang, rules, *rule, send) }
        </>
    }
}

/// The mode that is looked at: the one that kube-proxy runs in, unless another was chosen.
fn mode_of(wanted: &RulesView, rules: &NodeRules) -> Mode {
    wanted.mode.unwrap_or(rules.mode)
}

/// Which node, which mode, compared with whom, and words to look for.
fn head(props: &RulesProps) -> Html {
    let RulesProps { lang, node, names, wanted, rules, send, .. } = props;
    let lang = *lang;
    let mode = rules.as_ref().map_or(Mode::Iptables, |it| mode_of(wanted, it));
    let modes = [
        (Mode::Iptables, "iptables"),
        (Mode::Nftables, "nftables"),
        (Mode::Ipvs, "IPVS"),
        (Mode::Userspace, "userspace"),
    ];
    let search = send.reform(|event: InputEvent| {
        Msg::SearchRules(event.target_unchecked_into::<HtmlInputElement>().value())
    });
    let against = send.reform(|event: Event| {
        let value = event.target_unchecked_into::<HtmlSelectElement>().value();
        Msg::Against((!value.is_empty()).then(|| value.into()))
    });
    html! {
        <div class="nodes">
            { nodes(lang, node, names, send) }
            <div class="seg" role="group" aria-label={lang.say(Word::ProxyMode)}>
                for (other, name) in modes {
                    <button type="button" aria-pressed={(other == mode).to_string()}
                            onclick={send.reform(move |_| Msg::Mode(other))}>{ name }</button>
                }
            </div>
            <div class="narrowing">
                <input type="search" value={wanted.search.to_string()} oninput={search}
                       placeholder={lang.say(Word::SearchRules)} aria-label={lang.say(Word::SearchRules)} />
                if props.text.is_none() && names.len() > 1 {
                    <select aria-label={lang.say(Word::CompareWith)} onchange={against}>
                        <option value="" selected={wanted.against.is_none()}>{ lang.say(Word::CompareWith) }</option>
                        for name in names.iter().filter(|it| *it != node) {
                            <option value={name.clone()} selected={wanted.against.as_ref() == Some(name)}>
                                { format!("↔ {name}") }
                            </option>
                        }
                    </select>
                }
            </div>
        </div>
    }
}

fn nodes(lang: Lang, node: &Rc<str>, names: &[Rc<str>], send: &Callback<Msg>) -> Html {
    html! {
        <div class="seg" role="group" aria-label={lang.say(Word::Node)}>
                for name in names.iter() {
                    <button type="button" aria-pressed={(name == node).to_string()} onclick={send.reform({
                        let name = name.clone();
                        move |_| Msg::Node(name.clone())
                    })}>{ &**name }</button>
                }
        </div>
    }
}

fn gone(lang: Lang, rules: &NodeRules) -> Html {
    if rules.removed.is_empty() {
        return html! {};
    }
    html! {
        <section class="gone" aria-label={lang.say(Word::GoneRules)}>
            <details>
                <summary>
                    { lang.say(Word::GoneRules) }{ " " }<b>{ format!("−{}", rules.removed.len()) }</b>
                </summary>
                for (index, line) in rules.removed.iter().take(100).enumerate() {
                    <code key={index} class="rule removed" lang="en">
                        <span class="sign" aria-hidden="true">{ "−" }</span>{ line }
                    </code>
                }
            </details>
        </section>
    }
}

fn table(props: &RulesProps, rules: &NodeRules, name: TableName) -> Html {
    let RulesProps { lang, rule, wanted, counters, send, .. } = props;
    let Some(table) = rules.rules.tables.get(&name) else { return html! {} };
    let filled: Vec<_> = table.chains.iter().filter(|(_, chain)| !chain.rules.is_empty()).collect();
    let search = wanted.search.trim().to_lowercase();
    let mut views = Vec::new();
    for (chain, content) in in_reading_order(filled) {
        let found = (!search.is_empty()).then(|| found(chain, &content, &search));
        if views.len() == DRAWN || found.as_ref().is_some_and(Vec::is_empty) {
            continue;
        }
        let at = |index| RuleRef { table: name, chain, index };
        let count = |index| counters.of_rule(&rules.rules, at(index)).packets;
        views.push(html! {
            <ChainView key={chain.as_str()} lang={*lang} table={name} {chain} {found}
                counts={(0..content.rules.len()).map(count).collect::<Vec<_>>()}
                content={Shared(content)} added={added(rules, name, chain)}
                chosen={rule.filter(|it| it.table == name && it.chain == chain).map(|it| it.index)}
                open={rules.rules.len() <= ALL_OPEN} send={send.clone()} />
        });
    }
    if views.is_empty() {
        return html! {};
    }
    html! {
        <section key={name.name()} class="table" aria-label={format!("*{name}")}>
            <h2>{ format!("*{name}") }</h2>
            { for views }
        </section>
    }
}

/// The rules of a chain with these words in them; all where its name has them.
fn found(chain: ChainName, content: &Chain, search: &str) -> Vec<usize> {
    let has = |text: &str| text.to_lowercase().contains(search);
    let whole = has(chain.as_str());
    let rules = content.rules.iter().enumerate();
    rules.filter(|(_, rule)| whole || has(&rule.to_string())).map(|(index, _)| index).collect()
}

/// The chains as a packet meets them: the kernel's own first, then those that they lead to.
fn in_reading_order(chains: Vec<(&ChainName, &Rc<Chain>)>) -> Vec<(ChainName, Rc<Chain>)> {
    let order = |name: &str| match name {
        "PREROUTING" => 0,
        "INPUT" => 1,
        "FORWARD" => 2,
        "OUTPUT" => 3,
        "POSTROUTING" => 4,
        "KUBE-SERVICES" => 5,
        _ if name.starts_with("KUBE-SVC-") => 6,
        _ if name.starts_with("KUBE-EXT-") => 7,
        _ if name.starts_with("KUBE-SEP-") => 8,
        _ => 9,
    };
    let mut res: Vec<_> = chains.into_iter().map(|(name, chain)| (*name, chain.clone())).collect();
    res.order_by_key(|(name, _)| (order(name.as_str()), *name));
    res
}

/// Why the chosen rule is here.
fn explanation(
    lang: Lang,
    rules: &NodeRules,
    chosen: Option<RuleRef>,
    send: &Callback<Msg>,
) -> Html {
    let Some(rule) = chosen.and_then(|at| rules.rules.rule(at)) else {
        return html! { <p class="why hint">{ lang.say(Word::PickRule) }</p> };
    };
    let origin = rule.origin.and_then(|id| rules.origins.get(id));
    html! {
        <aside class="why" aria-label={lang.say(Word::WhyThisRule)} aria-live="polite">
            <h2>
                { lang.say(Word::WhyThisRule) }
                <button type="button" class="link" onclick={send.reform(|_| Msg::Rule(None))}>
                    { lang.say(Word::SkipToEnd) }
                </button>
            </h2>
            <p>{ words::why(lang, origin) }</p>
            if let Some(service) = origin.and_then(|it| it.service.as_deref().cloned()) {
                { source_of(lang, service, send) }
            }
        </aside>
    }
}

/// Ways from a rule back to what it is made of.
pub(super) fn source_of(lang: Lang, service: ObjectKey, send: &Callback<Msg>) -> Html {
    let object = service.clone();
    html! {
        <p class="sources">
            <button type="button" class="link" onclick={send.reform(move |_| Msg::Object(Some(object.clone())))}>
                { format!("Service {}/{}", service.namespace, service.name) }
            </button>
            <button type="button" class="link" onclick={send.reform(move |_| Msg::ShowSource(service.clone()))}>
                { lang.say(Word::InManifests) }
            </button>
        </p>
    }
}

fn added(rules: &NodeRules, table: TableName, chain: ChainName) -> BTreeSet<usize> {
    let from = RuleRef { table, chain, index: 0 };
    let to = RuleRef { table, chain, index: usize::MAX };
    rules.added.range(from..=to).map(|it| it.index).collect()
}
