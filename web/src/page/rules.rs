use std::collections::BTreeSet;
use std::rc::Rc;

use svclab_core::lab::NodeRules;
use svclab_netfilter::order::Order;
use svclab_netfilter::{Chain, ChainName, Policy, RuleRef, TableName};
use yew::prelude::*;

use crate::state::Msg;
use crate::view::Shared;
use crate::words::{self, Lang, Word};

use super::rule::rule_text;

#[derive(Properties)]
pub(super) struct RulesProps {
    pub lang: Lang,
    pub node: Rc<str>,
    pub names: Vec<Rc<str>>,
    pub rules: Option<Shared<NodeRules>>,
    pub rule: Option<RuleRef>,
    pub send: Callback<Msg>,
}

/// Rule sets are large and replaced as a whole: their identity tells.
impl PartialEq for RulesProps {
    fn eq(&self, other: &RulesProps) -> bool {
        let same = match (&self.rules, &other.rules) {
            (Some(a), Some(b)) => {
                Rc::ptr_eq(&a.rules, &b.rules)
                    && a.synced_at == b.synced_at
                    && Rc::ptr_eq(&a.added, &b.added)
            }
            (None, None) => true,
            _ => false,
        };
        same && self.lang == other.lang
            && self.node == other.node
            && self.rule == other.rule
            && self.names == other.names
    }
}

/// With more rules than this, chains are closed until they are opened.
const ALL_OPEN: usize = 300;
/// At most so many chains of a table are drawn.
const DRAWN: usize = 600;

/// A node's rules, as iptables-save prints them; what changed with the last sync is marked.
#[component]
pub(super) fn Rules(props: &RulesProps) -> Html {
    let RulesProps { lang, node, names, rules, rule, send } = props;
    let lang = *lang;
    let Some(rules) = rules else {
        return html! {
            <div class="rules">
                { nodes(lang, node, names, send) }
                <p class="empty">{ lang.say(Word::NoRules) }</p>
            </div>
        };
    };
    let all_open = rules.rules.len() <= ALL_OPEN;
    html! {
        <div class="rules">
            { nodes(lang, node, names, send) }
            <div class="scroll" tabindex="0" role="group" aria-label={lang.say(Word::Rules)}>
                { gone(lang, rules) }
                for name in [TableName::Nat, TableName::Filter, TableName::Mangle, TableName::Raw] {
                    { table(lang, rules, name, *rule, all_open, send) }
                }
            </div>
            { explanation(lang, rules, *rule, send) }
        </div>
    }
}

fn nodes(lang: Lang, node: &Rc<str>, names: &[Rc<str>], send: &Callback<Msg>) -> Html {
    html! {
        <div class="nodes">
            <div class="seg" role="group" aria-label={lang.say(Word::Node)}>
                for name in names.iter() {
                    <button type="button" aria-pressed={(name == node).to_string()} onclick={send.reform({
                        let name = name.clone();
                        move |_| Msg::Node(name.clone())
                    })}>{ &**name }</button>
                }
            </div>
        </div>
    }
}

fn gone(lang: Lang, rules: &NodeRules) -> Html {
    if rules.removed.is_empty() {
        return html! {};
    }
    html! {
        <section class="gone" aria-label={lang.say(Word::GoneRules)}>
            <h2>{ lang.say(Word::GoneRules) }</h2>
            for (index, line) in rules.removed.iter().take(100).enumerate() {
                <code key={index} class="rule removed" lang="en">
                    <span class="sign" aria-hidden="true">{ "−" }</span>{ line }
                </code>
            }
        </section>
    }
}

fn table(
    lang: Lang,
    rules: &NodeRules,
    name: TableName,
    chosen: Option<RuleRef>,
    all_open: bool,
    send: &Callback<Msg>,
) -> Html {
    let Some(table) = rules.rules.tables.get(&name) else { return html! {} };
    let filled: Vec<_> = table.chains.iter().filter(|(_, chain)| !chain.rules.is_empty()).collect();
    if filled.is_empty() {
        return html! {};
    }
    html! {
        <section key={name.name()} class="table" aria-label={format!("*{name}")}>
            <h2>{ format!("*{name}") }</h2>
            for (chain, content) in in_reading_order(filled).into_iter().take(DRAWN) {
                <ChainView key={chain.as_str()} {lang} table={name} {chain}
                    content={Shared(content)} added={added(rules, name, chain)}
                    chosen={chosen.filter(|it| it.table == name && it.chain == chain).map(|it| it.index)}
                    open={all_open} send={send.clone()} />
            }
        </section>
    }
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

fn added(rules: &NodeRules, table: TableName, chain: ChainName) -> BTreeSet<usize> {
    let from = RuleRef { table, chain, index: 0 };
    let to = RuleRef { table, chain, index: usize::MAX };
    rules.added.range(from..=to).map(|it| it.index).collect()
}

#[derive(Properties, PartialEq)]
struct ChainViewProps {
    lang: Lang,
    table: TableName,
    chain: ChainName,
    content: Shared<Chain>,
    added: BTreeSet<usize>,
    chosen: Option<usize>,
    open: bool,
    send: Callback<Msg>,
}

#[component]
fn ChainView(props: &ChainViewProps) -> Html {
    let ChainViewProps { lang, table, chain, content, added, chosen, open, send } = props;
    let lang = *lang;
    let opened = use_state_eq(|| None::<bool>);
    let shown = chosen.is_some() || opened.unwrap_or(*open || !added.is_empty());
    let toggle = {
        let opened = opened.clone();
        move |_: MouseEvent| opened.set(Some(!shown))
    };
    let at = use_node_ref();
    use_effect_with(*chosen, {
        let at = at.clone();
        move |_| {
            if let Some(it) = at.cast::<web_sys::Element>()
                && let Ok(Some(outer)) = it.closest(".scroll")
            {
                crate::effects::reveal(&outer, &it);
            }
        }
    });
    let policy = match content.policy {
        Some(Policy::Accept) => Some("ACCEPT"),
        Some(Policy::Drop) => Some("DROP"),
        None => None,
    };
    html! {
        <div class="chain-box">
            <button type="button" class="chain-name" aria-expanded={shown.to_string()} onclick={toggle}>
                <span class="turn" aria-hidden="true">{ "▸" }</span>
                <code>{ chain.as_str() }</code>
                if let Some(policy) = policy {
                    <small>{ format!("{} {policy}", lang.say(Word::Policy)) }</small>
                }
                <small class="many">{ content.rules.len() }</small>
                if !added.is_empty() {
                    <small class="plus">{ format!("+{}", added.len()) }</small>
                }
            </button>
            if shown {
                <ol>
                    for (index, rule) in content.rules.iter().enumerate().take(2_000) {
                        <li key={index} ref={if *chosen == Some(index) { at.clone() } else { NodeRef::default() }}
                            class={classes!(added.contains(&index).then_some("added"))}>
                            <button type="button" class="rule-line" aria-pressed={(*chosen == Some(index)).to_string()}
                                    onclick={send.reform({
                                let place = RuleRef { table: *table, chain: *chain, index };
                                let off = *chosen == Some(index);
                                move |_| Msg::Rule((!off).then_some(place))
                            })}>
                                if added.contains(&index) {
                                    <span class="sign" aria-hidden="true">{ "+" }</span>
                                    <span class="unseen">{ lang.say(Word::NewRules) }{ " " }</span>
                                }
                                { rule_text(chain.as_str(), rule, None) }
                            </button>
                        </li>
                    }
                </ol>
            }
        </div>
    }
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
        </aside>
    }
}
